"""Who is who: people, agents, keys and sessions, as facts with an age."""
