//! Which archive and compression the endings of a file name mean, by the peer's rules.

/// Endings that mean something.
pub(super) const NAMES: [&str; 7] = ["tar", "zip", "gz", "bgzf", "lz4", "xz", "bzip2"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    None,
    Tar,
    Zip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bgzf,
    Lz4,
    Xz,
    Bzip2,
}

impl Compression {
    /// As it is said to the user.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "no compression",
            Self::Gzip => "gzip",
            Self::Bgzf => "bgzf",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    fn of(ending: &str) -> Option<Self> {
        Some(match ending {
            "gz" => Self::Gzip,
            "bgzf" => Self::Bgzf,
            "lz4" => Self::Lz4,
            "xz" => Self::Xz,
            "bzip2" => Self::Bzip2,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub archive: Archive,
    pub compression: Compression,
}

impl Format {
    /// The last ending decides, and for a compression the one before it. `format` counts as further endings. Endings
    /// that mean nothing give a gzipped tar.
    pub(super) fn of(output: &str, format: &str) -> Self {
        let name = output.rsplit('/').next().unwrap_or_default();
        // What stands before the first dot of the name is no ending; `format` has none.
        let endings = name.split('.').skip(1).chain(format.split('.')).filter(|ending| !ending.is_empty());
        let endings: Vec<&str> = endings.collect();
        let mut from_last = endings.into_iter().rev();
        let (last, before) = (from_last.next().unwrap_or_default(), from_last.next().unwrap_or_default());
        match (last, Compression::of(last)) {
            ("zip", _) => Self { archive: Archive::Zip, compression: Compression::None },
            ("tar", _) => Self { archive: Archive::Tar, compression: Compression::None },
            (_, Some(compression)) => {
                let archive = if before == "tar" { Archive::Tar } else { Archive::None };
                Self { archive, compression }
            }
            (_, None) => Self { archive: Archive::Tar, compression: Compression::Gzip },
        }
    }
}

pub(super) fn is_known(ending: &str) -> bool {
    NAMES.contains(&ending)
}
