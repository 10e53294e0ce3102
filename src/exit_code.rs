//! Exit codes of `forge`: the peer's numbers, and one of our own for what costs money.

/// Why the program ended. The numbers are an interface: scripts and the action's launcher read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// All done; also when help was asked for.
    Success = 0,
    /// Any error: usage, template, a failed or cancelled build. The peer has one code for all of them.
    Failed = 1,
    /// `fmt -check` found files to change. The peer's code.
    WouldChange = 3,
    /// Something that the run created could not be released: look at the list and run `forge sweep`.
    Leftovers = 6,
    /// Unknown command. The peer's code.
    UnknownCommand = 127,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
