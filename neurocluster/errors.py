"""Define every error that neurocluster raises; import nothing.

NeuroclusterError
|-- ConfigError(ValueError)            a setting, option or file of settings is wrong
|-- DataError(ValueError)              images, labels or their files are wrong
|-- ModelError(ValueError)             a network file or graph is wrong
|   `-- PartitionError                 a split cannot work
|-- FrameError                         one frame failed; the others go on
|   `-- PotentialRangeError            a potential left its fixed-point range
|-- WireError                          bytes that are no message of ours
|   |-- MalformedMessage
|   |-- UnsupportedVersion
|   `-- MessageTooLarge
|-- LinkError
|   |-- LocalLinkError                 we misused a link
|   `-- RemoteLinkError                the peer broke a link's rules
|-- ClusterError                       a cluster cannot go on
|   |-- ClusterBusy                    another client holds the cluster
|   |-- ClusterStopped                 somebody asked the cluster to stop
|   |-- ControllerLost
|   |-- WorkerLost
|   `-- StartTimeout
`-- PlatformError                      this machine cannot run neurocluster
"""

from __future__ import annotations


class NeuroclusterError(Exception):
    """Be the root of all errors of this package."""


class ConfigError(NeuroclusterError, ValueError):
    """Report a wrong setting; the message names it, its place and the remedy."""


class DataError(NeuroclusterError, ValueError):
    """Report unusable images, labels or files of them."""


class ModelError(NeuroclusterError, ValueError):
    """Report a network file or graph that cannot be used."""


class PartitionError(ModelError):
    """Report a split of the network that cannot work."""


class FrameError(NeuroclusterError):
    """Report one frame that failed alone.

    Attributes:
        frame: Index of the frame in its data set, or None while unknown.
    """

    def __init__(self, message: str, frame: int | None = None) -> None:
        super().__init__(message)
        self.frame = frame


class PotentialRangeError(FrameError):
    """Report a membrane potential at or beyond 2^29 - 2^16.

    Attributes:
        layer: Name of the layer.
        neuron: Address of the neuron within its layer.
    """

    def __init__(self, layer: str, neuron: int, frame: int | None = None) -> None:
        super().__init__(
            f"the potential of neuron {neuron} of layer {layer} left the range of "
            "8,191 levels; use a larger threshold for this layer",
            frame,
        )
        self.layer = layer
        self.neuron = neuron


class WireError(NeuroclusterError):
    """Report bytes that are no message of ours."""


class MalformedMessage(WireError):
    """Report a message whose form or a field of it is wrong."""


class UnsupportedVersion(WireError):
    """Report a message of another version of the wire format."""


class MessageTooLarge(WireError):
    """Report a message above its limit."""


class LinkError(NeuroclusterError):
    """Be the parent of errors of one link."""


class LocalLinkError(LinkError):
    """Report that this process misused a link."""


class RemoteLinkError(LinkError):
    """Report that a peer broke the rules of a link.

    Attributes:
        link: Name of the link.
        frame: Frame concerned, or None.
        expected: What the rules ask for.
        got: What came.
    """

    def __init__(
        self, link: str, reason: str, frame: int | None, expected: int, got: int
    ) -> None:
        where = f"link {link}" + ("" if frame is None else f", frame {frame}")
        super().__init__(f"{where}: {reason} (expected {expected}, got {got})")
        self.link = link
        self.reason = reason
        self.frame = frame
        self.expected = expected
        self.got = got


class ClusterError(NeuroclusterError):
    """Report a cluster that cannot go on."""


class ClusterBusy(ClusterError):
    """Report that another client holds the cluster."""


class ClusterStopped(ClusterError):
    """Report that somebody asked the cluster to stop before all frames were done."""


class ControllerLost(ClusterError):
    """Report that the controller does not answer.

    Attributes:
        unfinished: Submission numbers of the frames without a result.
    """

    def __init__(self, message: str, unfinished: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.unfinished = unfinished


class WorkerLost(ClusterError):
    """Report a worker that died or fell silent."""


class StartTimeout(ClusterError):
    """Report a cluster that was not complete before its deadline."""


class PlatformError(NeuroclusterError):
    """Report a machine on which neurocluster cannot run."""
