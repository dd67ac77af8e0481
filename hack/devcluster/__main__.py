"""`uv run hack/devcluster COMMAND`: Python runs this file when it is given the folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from devcluster.cli import main

if __name__ == "__main__":
    main()
