//! Where a downloaded file lands: beside its place until it is whole, so that half a file never passes for a whole one
//! and a failure leaves what was there before. What is no plain file, or is in a folder that takes no other, is written
//! in its place.

use std::fs::File;
use std::path::Path;

use super::CommunicatorError;
use crate::run::BuildContext;
use crate::run::output_file::{OutputError, OutputFile};

/// A download under way. Dropped, it leaves nothing beside.
pub(super) enum Landing<'a> {
    Beside(OutputFile<'a>),
    InPlace,
}

impl<'a> Landing<'a> {
    /// The file to write to. One that is there gives its mode, a link its target.
    pub(super) fn at(destination: &Path, cx: &'a BuildContext) -> Result<(File, Self), CommunicatorError> {
        let local = |error| CommunicatorError::local(destination, error);
        let there = std::fs::metadata(destination).ok();
        if there.as_ref().is_some_and(|found| !found.is_file()) {
            return Ok((File::create(destination).map_err(local)?, Self::InPlace));
        }
        match OutputFile::create(destination, cx) {
            Ok(mut beside) => {
                let file = beside.file().try_clone().map_err(local)?;
                Ok((file, Self::Beside(beside)))
            }
            Err(OutputError::File { .. }) if there.is_some() => {
                let opened = File::options().write(true).truncate(true).open(destination);
                Ok((opened.map_err(local)?, Self::InPlace))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The file is whole.
    pub(super) fn keep(self) -> Result<(), CommunicatorError> {
        match self {
            Self::Beside(file) => Ok(file.commit()?),
            Self::InPlace => Ok(()),
        }
    }
}

impl From<OutputError> for CommunicatorError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            OutputError::File { path, source, .. } => Self::local(&path, source),
            OutputError::Journal(_) | OutputError::Failed(_) => Self::Permanent(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::run::testing::context;

    #[test]
    fn what_was_there_stays_until_the_download_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let place = folder.path().join("x");
        let found = || std::fs::read(&place).ok();
        let (mut file, landing) = Landing::at(&place, &cx).unwrap();
        file.write_all(b"half").unwrap();
        assert!(cx.cleanup.pop().is_some(), "a process that dies here leaves what a sweep finds");
        drop(landing);
        assert_eq!(found(), None);
        std::fs::write(&place, "precious").unwrap();
        let (mut file, landing) = Landing::at(&place, &cx).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(found().unwrap(), b"precious");
        landing.keep().unwrap();
        assert_eq!(found().unwrap(), b"new");
        assert!(cx.cleanup.pop().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_mode_stays_a_link_leads_on_and_a_device_is_written_to() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let (place, link) = (folder.path().join("x"), folder.path().join("l"));
        std::fs::write(&place, "old").unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("x", &link).unwrap();
        let (mut file, landing) = Landing::at(&link, &cx).unwrap();
        file.write_all(b"new").unwrap();
        landing.keep().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "new");
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
        Landing::at(Path::new("/dev/null"), &cx).unwrap().1.keep().unwrap();
        assert!(Landing::at(folder.path(), &cx).is_err());
    }
}
