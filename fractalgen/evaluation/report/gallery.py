"""The parts of the page that show images alone."""

from html import escape

from fractalgen.evaluation.report.images import Samples, img

__all__ = ["galleries"]


def galleries(samples: Samples) -> str:
    """Show the mixing set, training images with their views, and mistakes."""
    parts = (_set(samples), _views(samples), _mistakes(samples))
    return "\n".join(part for part in parts if part)


def _set(samples: Samples) -> str:
    if samples.set_images is None or not len(samples.set_images):
        return ""
    images = "".join(
        img(image, f"Image {number} of the mixing set")
        for number, image in enumerate(samples.set_images, 1)
    )
    return (
        '<section>\n<h2>The mixing set</h2>\n<p class="note">Some of the images that training '
        f'mixes in.</p>\n<div class="images">{images}</div>\n</section>'
    )


def _views(samples: Samples) -> str:
    clean, views = samples.training_images, samples.augmented_views
    if clean is None or not len(clean):
        return ""
    rows = []
    for number, image in enumerate(clean, 1):
        row = [img(image, f"Training image {number}")]
        if views is not None:
            row += [
                img(view, f"View {index} of training image {number}")
                for index, view in enumerate(views[number - 1], 1)
            ]
        rows.append(f'<div class="images">{"".join(row)}</div>')
    if views is None:
        rows, note = ["".join(rows)], "As the model is trained on them."
        box = "captioned"
    else:
        note, box = "Each framed image, and the views that the model is trained on.", "views"
    return (
        f'<section>\n<h2>Training images</h2>\n<p class="note">{note}</p>\n'
        f'<div class="{box}">\n' + "\n".join(rows) + "\n</div>\n</section>"
    )


def _mistakes(samples: Samples) -> str:
    if samples.mistakes is None or not len(samples.mistakes):
        return ""
    figures = []
    for index, image in enumerate(samples.mistakes):
        caption = samples.mistake_captions[index] if samples.mistake_captions else ""
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        alt = f"Test image, {caption}" if caption else "Test image"
        figures.append(f"<figure>{img(image, alt)}{below}</figure>")
    return (
        '<section>\n<h2>Mistakes</h2>\n<p class="note">Some test images that the model gets '
        'wrong.</p>\n<div class="captioned">\n' + "\n".join(figures) + "\n</div>\n</section>"
    )
