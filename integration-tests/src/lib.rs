//! Tidegate against a real broker and a real registry: the harness, the tests and the benches.
