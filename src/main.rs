//! The `forge` program: everything happens in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    forge_action::run()
}
