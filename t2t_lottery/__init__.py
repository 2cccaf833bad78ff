"""Lottery tickets for tensor2tensor's Transformer (Brix, Bahar and Ney, ACL 2020)."""
