"""Run trained ReLU networks as clockless spiking processes.

Heavy modules load when a name is used: importing the package imports none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurocluster.version import VERSION as __version__

if TYPE_CHECKING:
    from neurocluster.client.results import Result
    from neurocluster.cluster.local import LocalCluster
    from neurocluster.cluster.slurm import SlurmCluster
    from neurocluster.cluster.ssh import SshCluster
    from neurocluster.data.idx import Dataset, load_dataset
    from neurocluster.errors import NeuroclusterError
    from neurocluster.model.load import load_network
    from neurocluster.model.save import save_network

__all__ = [
    "Dataset",
    "LocalCluster",
    "NeuroclusterError",
    "Result",
    "SlurmCluster",
    "SshCluster",
    "__version__",
    "load_dataset",
    "load_network",
    "save_network",
]
_HOMES = {
    "Dataset": "neurocluster.data.idx",
    "LocalCluster": "neurocluster.cluster.local",
    "SlurmCluster": "neurocluster.cluster.slurm",
    "SshCluster": "neurocluster.cluster.ssh",
    "NeuroclusterError": "neurocluster.errors",
    "Result": "neurocluster.client.results",
    "load_dataset": "neurocluster.data.idx",
    "load_network": "neurocluster.model.load",
    "save_network": "neurocluster.model.save",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
