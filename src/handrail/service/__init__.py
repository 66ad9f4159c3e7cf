"""What happens: asking, answering, beginning, reversing, and time passing."""
