//! Tests of the post-processor `compress`: what it writes is read back by the system's own programs.

use std::process::Command;

use super::*;
use crate::eval::testing::decode as decode_options;
use crate::run::testing::{context, texts};
use crate::value::Value;

/// Larger than any buffer on the way, and neither all alike nor all random.
fn payload() -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes = b"forge ".repeat(100_000);
    bytes.extend((0..300_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    bytes
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    std::fs::write(folder.path().join("d/disk.raw"), payload()).unwrap();
    std::fs::write(folder.path().join("d/small"), "x").unwrap();
    folder
}

async fn compress(cx: &BuildContext, files: &[&str], options: &[(&str, Value)]) -> Result<Artifact, String> {
    let compress = decode_options(&cx.run.cwd, options, Compress::decode).unwrap();
    let mut input = Artifact::new("x", "File", "");
    input.files = files.iter().map(PathBuf::from).collect();
    match compress.process(&input, cx).await {
        Ok(processed) => Ok(processed.artifact.unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

/// What a program of the system prints.
fn output(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let done = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

#[tokio::test]
async fn single_files_are_read_back_by_the_systems_programs() {
    let folder = folder();
    let (cx, _receiver) = context(folder.path());
    for (ending, program) in [("gz", "gzip"), ("bgzf", "gzip"), ("xz", "xz"), ("bzip2", "bzip2")] {
        for level in [0, 1, 9] {
            let name = format!("out/disk.raw.{ending}");
            let options = [("output", name.as_str().into()), ("compression_level", i64::from(level).into())];
            let artifact = compress(&cx, &["d/disk.raw"], &options).await.unwrap();
            assert_eq!(artifact.files, [Path::new(&name)]);
            let bytes = std::fs::read(folder.path().join(&name)).unwrap();
            assert!(bytes.len() < payload().len(), "{name} is not smaller");
            std::fs::write(folder.path().join("in"), bytes).unwrap();
            let read = output(folder.path(), "sh", &["-c", &format!("{program} -dc < in")]);
            assert!(read == payload(), "{name} differs");
        }
    }
    compress(&cx, &["d/disk.raw"], &[("output", "disk.lz4".into())]).await.unwrap();
    let mut read = Vec::new();
    let file = std::fs::File::open(folder.path().join("disk.lz4")).unwrap();
    std::io::Read::read_to_end(&mut lz4_flex::frame::FrameDecoder::new(file), &mut read).unwrap();
    assert!(read == payload(), "disk.lz4 differs");
}

#[tokio::test]
async fn archives_hold_all_files() {
    let folder = folder();
    let (cx, receiver) = context(folder.path());
    for (name, decompress) in [("a.tar", "cat"), ("a.tar.gz", "gzip -d"), ("plain", "gzip -d"), ("a.tar.xz", "xz -d")] {
        compress(&cx, &["d/disk.raw", "d/small"], &[("output", name.into())]).await.unwrap();
        let listed = output(folder.path(), "sh", &["-c", &format!("{decompress} < {name} | tar -tf -")]);
        assert_eq!(String::from_utf8_lossy(&listed), "disk.raw\nsmall\n", "{name}");
        let read = output(folder.path(), "sh", &["-c", &format!("{decompress} < {name} | tar -xOf - disk.raw")]);
        assert!(read == payload(), "{name} differs");
    }
    compress(&cx, &["d/disk.raw", "d/small"], &[("output", "x".into()), ("format", "zip".into())]).await.unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(folder.path().join("x")).unwrap()).unwrap();
    assert_eq!(archive.file_names().collect::<Vec<_>>(), ["d/disk.raw", "d/small"]);
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("d/disk.raw").unwrap(), &mut read).unwrap();
    assert!(read == payload(), "x differs");
    let said = texts(cx, receiver).await;
    assert_eq!(said[0..2], ["Tarring a.tar with no compression", "Archive a.tar completed"]);
    assert!(said.contains(&"Using gzip compression for a.tar.gz".to_owned()));
}

#[tokio::test]
async fn a_failure_leaves_no_archive() {
    let folder = folder();
    let (cx, _receiver) = context(folder.path());
    let error = compress(&cx, &["d/disk.raw", "d/gone"], &[("output", "a.tar".into())]).await.unwrap_err();
    assert!(error.starts_with("could not read ") && error.contains("d/gone"), "{error}");
    let error = compress(&cx, &["d/disk.raw", "d/small"], &[("output", "a.gz".into())]).await.unwrap_err();
    let expected = "Can only have 1 input file when not using tar/zip. Found 2 files: d/disk.raw d/small";
    assert_eq!(error, expected);
    let error = compress(&cx, &[], &[("output", "a.tar".into())]).await.unwrap_err();
    assert_eq!(error, "the artifact has no files to compress");
    let error = compress(&cx, &["d/small"], &[("output", "d/../d/small".into())]).await.unwrap_err();
    assert!(error.contains("is one of the files to compress"), "{error}");
    cx.cancel.stop.cancel();
    let error = compress(&cx, &["d/disk.raw"], &[("output", "a.zip".into())]).await.unwrap_err();
    assert_eq!(error, "cancelled");
    let listing = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!listing.into_iter().any(|name| name.to_string_lossy().contains("a.")), "a part is left");
}

#[test]
fn endings_decide() {
    use Archive::{None as Single, Tar, Zip};
    use Compression::{Bgzf, Bzip2, Gzip, Lz4, None as Plain, Xz};
    for (output, format, archive, compression) in [
        ("packer_web_docker", "", Tar, Gzip),
        ("x.tar.gz", "", Tar, Gzip),
        ("x.gz", "", Single, Gzip),
        ("x.tar", "", Tar, Plain),
        ("x.tar.zip", "", Zip, Plain),
        ("x.raw.lz4", "", Single, Lz4),
        ("x.tar.lz4", "", Tar, Lz4),
        ("x.bgzf", "", Single, Bgzf),
        ("x.tar.xz", "", Tar, Xz),
        ("x.bzip2", "", Single, Bzip2),
        ("x.7z", "", Tar, Gzip),
        ("x", "tar.xz", Tar, Xz),
        ("x.tar", "bzip2", Tar, Bzip2),
        ("out.zip/x", "", Tar, Gzip),
        ("zip", "", Tar, Gzip),
    ] {
        assert_eq!(Format::of(output, format), Format { archive, compression }, "{output} {format}");
    }
}

#[test]
fn mistakes_are_reported_at_plan_time() {
    let mistakes = |options: &[(&str, Value)]| {
        decode_options(Path::new("/"), options, Compress::decode).err().unwrap_or_default().join("\n")
    };
    assert!(mistakes(&[("format", "7z".into())]).contains("\"7z\" is not a format"));
    assert!(mistakes(&[("compression_level", 10.into())]).contains("out of range"));
    assert!(mistakes(&[("compression_level", (-2).into())]).contains("out of range"));
    assert!(mistakes(&[("compression_level", (-1).into())]).is_empty());
}
