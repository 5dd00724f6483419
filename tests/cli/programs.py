"""Programs that run a command line and show how far it is, so that a test need not guess.

However fast or busy the machine is, what a test kills in the middle has begun and is not over.
"""

_UP_TO = """
import sys, time

end, n = sys.argv[1], int(sys.argv[2])

def hold(event, arguments):
    global n
    if event == "os.rename" and str(arguments[1]).endswith(end):
        n -= 1
        while n < 0:
            time.sleep(0.01)

sys.addaudithook(hold)
sys.argv[:3] = ["fractalgen"]
from fractalgen.cli import group, main
group._PATIENCE_SECONDS = 300  # until a second signal ends it at once, on a busy machine
main()
"""

_TELLING = """
import sys

def tell(event, arguments):
    if event == "open" and str(arguments[0]).endswith(sys.argv[0]):
        print("opened", flush=True)

sys.argv[:2] = sys.argv[1:2]
sys.addaudithook(tell)
from fractalgen.cli import main
main()
"""


def up_to(end, n):
    """Hold before more than `n` files whose names end so take their places, until a signal."""
    return ["-c", _UP_TO, end, str(n)]


def telling(end):
    """Print "opened" when a file whose name ends so is opened."""
    return ["-c", _TELLING, end]
