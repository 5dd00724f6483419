"""The parts of the page that show pictures alone."""

from html import escape

from fractalgen.evaluation.report.pictures import Samples, img

__all__ = ["galleries"]


def galleries(samples: Samples) -> str:
    """Show the mixing set, training pictures with their views, and mistakes."""
    parts = (_set(samples), _views(samples), _mistakes(samples))
    return "\n".join(part for part in parts if part)


def _set(samples: Samples) -> str:
    if samples.set_pictures is None or not len(samples.set_pictures):
        return ""
    pictures = "".join(
        img(picture, f"Picture {number} of the mixing set")
        for number, picture in enumerate(samples.set_pictures, 1)
    )
    return (
        '<section>\n<h2>The mixing set</h2>\n<p class="note">Some of the pictures that training '
        f'mixes in.</p>\n<div class="pictures">{pictures}</div>\n</section>'
    )


def _views(samples: Samples) -> str:
    clean, views = samples.training_pictures, samples.augmented_views
    if clean is None or not len(clean):
        return ""
    rows = []
    for number, picture in enumerate(clean, 1):
        row = [img(picture, f"Training picture {number}")]
        if views is not None:
            row += [
                img(view, f"View {index} of training picture {number}")
                for index, view in enumerate(views[number - 1], 1)
            ]
        rows.append(f'<div class="pictures">{"".join(row)}</div>')
    if views is None:
        rows, note = ["".join(rows)], "As the model is trained on them."
        box = "captioned"
    else:
        note, box = "Each framed picture, and the views that the model is trained on.", "views"
    return (
        f'<section>\n<h2>Training pictures</h2>\n<p class="note">{note}</p>\n'
        f'<div class="{box}">\n' + "\n".join(rows) + "\n</div>\n</section>"
    )


def _mistakes(samples: Samples) -> str:
    if samples.mistakes is None or not len(samples.mistakes):
        return ""
    figures = []
    for index, picture in enumerate(samples.mistakes):
        caption = samples.mistake_captions[index] if samples.mistake_captions else ""
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        alt = f"Test picture, {caption}" if caption else "Test picture"
        figures.append(f"<figure>{img(picture, alt)}{below}</figure>")
    return (
        '<section>\n<h2>Mistakes</h2>\n<p class="note">Some test pictures that the model gets '
        'wrong.</p>\n<div class="captioned">\n' + "\n".join(figures) + "\n</div>\n</section>"
    )
