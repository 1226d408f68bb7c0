"""What the ledger says in numbers: counted in the database, never row by row."""
