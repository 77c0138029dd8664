//! The house rules that a compiler does not hold: arrows between rooms, libraries in their rooms, and documents that
//! say what the code does.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod architecture;
mod arrows;
mod dockerfiles;
mod examples;
mod files;
mod pages;
mod promises;
mod settings;
mod version;
mod woodpecker;
