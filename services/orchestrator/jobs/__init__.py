"""What a job is, in rules that touch neither clock nor disk nor wire."""
