//! How a commit stands, as a forge shows it beside the commit.

/// The state of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    Pending,
    /// All well.
    Success,
    /// Not well.
    Failure,
    /// It could not be found out.
    Error,
}
