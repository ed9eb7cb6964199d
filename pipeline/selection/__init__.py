"""Selection: whom agents choose to tie themselves to, and which ties they keep, given who both are."""
