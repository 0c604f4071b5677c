import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "2")
# Nothing a test does may land among a person's own runs, nor keep a worker waiting that nobody asked for.
os.environ["GATE_EXPLORER_DATA"] = tempfile.mkdtemp(prefix="gate-explorer-tests-")
os.environ["GATE_EXPLORER_SPARE"] = "0"
