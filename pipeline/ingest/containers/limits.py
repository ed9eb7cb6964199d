"""How far a file may unpack: what is a lawful dump and what is an attack on memory, disk or time."""

from __future__ import annotations

MOST_LAYERS = 6
FREE_BYTES = 1 << 30
MOST_TIMES = 400
MOST_BYTES = 2 << 40
MOST_MEMBERS = 2_000_000
LAYERS_SENTENCE = f"archives and compression inside each other are opened {MOST_LAYERS} layers deep; unpack the file"


class UnpacksTooFarError(Exception):
    """A file that grows beyond the limits; the message is the sentence that the quarantine shows."""


class Budget:
    """What one file of the folder may still unpack to, over all of its layers and members.

    Parameters
    ----------
    size
        Bytes of the file as it lies in the folder.
    most
        The limit, where it is not to follow from the size.
    """

    def __init__(self, size: int, most: int | None = None) -> None:
        self.most = min(MOST_BYTES, max(FREE_BYTES, MOST_TIMES * size)) if most is None else most
        self.spent = 0
        self.members = 0

    def again(self) -> Budget:
        """Return a budget of the same size, for a second reading."""
        return Budget(0, self.most)

    def spend(self, n_bytes: int) -> None:
        """Count unpacked bytes.

        Raises
        ------
        UnpacksTooFarError
            When there are more than the limit.
        """
        self.spent += n_bytes
        if self.spent > self.most:
            raise UnpacksTooFarError(
                f"unpacked, the file is larger than {self.most} bytes: more than {MOST_TIMES} times its size (where "
                f"that is more than {FREE_BYTES >> 20} MB) or more than {MOST_BYTES >> 40} TB; it was read up to "
                "there; unpack it by hand if it is no attack"
            )

    def count_member(self) -> None:
        """Count a member of an archive.

        Raises
        ------
        UnpacksTooFarError
            When there are more than the limit.
        """
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise UnpacksTooFarError(f"the archive has more than {MOST_MEMBERS} members; unpack it by hand")
