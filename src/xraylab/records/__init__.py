"""What is known of a film beside its pixels: tables, ids, free text, and which films are of one patient."""
