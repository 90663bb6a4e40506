"""What a repository still wants to know: readiness, the interview, likely answers, model descriptions."""
