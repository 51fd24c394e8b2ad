"""The card as the host sees it: registers, and what is generated from their table."""


class CardError(Exception):
    """The card answered an access with an error, or did not do what was asked of it; the message says what."""
