//! Files into archives, read and written in pieces; the build's stop is looked at between them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::post_processor::base_name;
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;
use crate::run::output_file::OutputError;

/// Bytes that are read or written at once.
const CHUNK: usize = 1 << 20;

/// A file that ends with an error once the build is stopped.
struct Watched<'a> {
    file: File,
    cx: &'a BuildContext,
}

impl<'a> Watched<'a> {
    fn open(path: &Path, cx: &'a BuildContext) -> Result<(Self, std::fs::Metadata), OutputError> {
        let path = cx.run.cwd.join(path);
        let error = |error| OutputError::file("read", &path, error);
        let file = File::open(&path).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        match metadata.is_file() {
            true => Ok((Self { file, cx }, metadata)),
            false => Err(error(io::Error::other("it is not a plain file"))),
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cx.cancel.is_stopped() {
            true => Err(io::Error::other(Cancelled)),
            false => self.file.read(buffer),
        }
    }
}

/// The error of putting `path` into an archive, a stop being what it is.
fn failed(path: &Path, cx: &BuildContext) -> impl Fn(io::Error) -> OutputError {
    let stopped = cx.cancel.clone();
    let path = path.to_owned();
    move |error| match stopped.is_stopped() {
        true => Cancelled.into(),
        false => OutputError::file("compress", &path, error),
    }
}

/// The contents of one file as they are.
pub(super) fn copy(path: &Path, sink: &mut dyn Write, cx: &BuildContext) -> Result<(), OutputError> {
    let (mut reader, _) = Watched::open(path, cx)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = reader.read(&mut buffer).map_err(failed(path, cx))?;
        if count == 0 {
            return Ok(());
        }
        sink.write_all(&buffer[..count]).map_err(failed(path, cx))?;
    }
}

/// A tar of files by their last names, with mode, owner and time.
pub(super) fn tar(files: &[PathBuf], sink: &mut dyn Write, cx: &BuildContext) -> Result<(), OutputError> {
    let mut tar = tar::Builder::new(sink);
    for path in files {
        let (reader, metadata) = Watched::open(path, cx)?;
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&metadata);
        // A file that grows while it is read must not spill into the next entry.
        let reader = reader.take(metadata.len());
        tar.append_data(&mut header, base_name(path), reader).map_err(failed(path, cx))?;
    }
    tar.finish().map_err(failed(Path::new("tar"), cx))
}

/// A zip of files by their paths, each with its mode.
pub(super) fn zip(files: &[PathBuf], file: File, level: Option<u32>, cx: &BuildContext) -> Result<(), OutputError> {
    let mut zip = ZipWriter::new(BufWriter::with_capacity(CHUNK, file));
    for path in files {
        let (_, metadata) = Watched::open(path, cx)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(level.map(i64::from))
            .large_file(metadata.len() > u64::from(u32::MAX) / 2)
            .unix_permissions(mode(&metadata));
        let started = zip.start_file(entry_name(path), options);
        started.map_err(|error| failed(path, cx)(error.into()))?;
        copy(path, &mut zip, cx)?;
    }
    let sink = zip.finish().map_err(|error| failed(Path::new("zip"), cx)(error.into()))?;
    sink.into_inner().map(drop).map_err(|error| failed(Path::new("zip"), cx)(error.into_error()))
}

/// The path as the artifact gives it, with slashes; what would lead out of the place of unpacking is left off.
fn entry_name(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0o644
}
