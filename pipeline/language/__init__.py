"""Language: embeddings and what is estimated from them, templates and norms; pure functions on texts and vectors."""
