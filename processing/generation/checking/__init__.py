"""What the fact check is made of: the cells as evidence, and finders of claims that they do not bear out.

A finder is ``(Section, Evidence) -> Iterator[Claim]``; a new one is a line in ``fact_check.FINDERS``.
"""
