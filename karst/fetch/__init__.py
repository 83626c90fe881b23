"""From a slug to files on disk, named by git's tree id."""

from karst.fetch.revision import Checkout, Revision, Source

__all__ = ["Checkout", "Revision", "Source"]
