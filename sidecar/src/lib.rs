//! The Tidegate sidecar: HTTP, the registry client, the command line. The binary is a thin `main` over this library.

pub mod product;
