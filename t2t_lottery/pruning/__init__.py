"""The paper's algorithms: masks, tickets, methods and schedules; no files, no training loop. Start here."""
