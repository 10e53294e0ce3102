//! Where a downloaded file lands: beside its place until it is whole, so that half a file never passes for a whole one
//! and a failure leaves what was there before.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// A download under way. Dropped, it leaves nothing.
pub(super) struct Landing {
    /// What is written so far, and where it goes; nothing where it is written in its place: a device, a pipe.
    beside: Option<(TempPath, PathBuf)>,
}

impl Landing {
    /// The file to write to. One that is there gives its mode, a link its target.
    pub(super) fn at(destination: &Path) -> io::Result<(File, Self)> {
        let there = std::fs::metadata(destination).ok();
        if there.as_ref().is_some_and(|found| !found.is_file()) {
            return Ok((File::create(destination)?, Self { beside: None }));
        }
        let place = match &there {
            Some(_) => destination.canonicalize()?,
            None => destination.to_owned(),
        };
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".forge-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        match (builder.tempfile_in(folder), there) {
            (Ok(made), there) => {
                let (file, path) = made.into_parts();
                if let Some(found) = there {
                    // One that belongs to somebody else may refuse; the file's content is what was asked for.
                    let _ = file.set_permissions(found.permissions());
                }
                Ok((file, Self { beside: Some((path, place)) }))
            }
            // A file may be writable in a folder that is not.
            (Err(_), Some(_)) => Ok((File::options().write(true).truncate(true).open(&place)?, Self { beside: None })),
            (Err(_), None) => Ok((File::create(&place)?, Self { beside: None })),
        }
    }

    /// The file is whole.
    pub(super) fn keep(self) -> io::Result<()> {
        match self.beside {
            Some((written, place)) => written.persist(place).map_err(|error| error.error),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_was_there_stays_until_the_download_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let (mut file, landing) = Landing::at(&place).unwrap();
        file.write_all(b"half").unwrap();
        drop(landing);
        assert_eq!(names(), 0);
        std::fs::write(&place, "precious").unwrap();
        let (mut file, landing) = Landing::at(&place).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "precious");
        landing.keep().unwrap();
        assert_eq!((std::fs::read_to_string(&place).unwrap().as_str(), names()), ("new", 1));
    }

    #[cfg(unix)]
    #[test]
    fn a_mode_stays_a_link_leads_on_and_a_device_is_written_to() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (place, link) = (folder.path().join("x"), folder.path().join("l"));
        std::fs::write(&place, "old").unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("x", &link).unwrap();
        let (mut file, landing) = Landing::at(&link).unwrap();
        file.write_all(b"new").unwrap();
        landing.keep().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "new");
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o640);
        Landing::at(Path::new("/dev/null")).unwrap().1.keep().unwrap();
        assert!(Landing::at(folder.path()).is_err());
    }
}
