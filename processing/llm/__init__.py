"""Asking models: providers behind one small surface, and the ledger of what they answered."""
