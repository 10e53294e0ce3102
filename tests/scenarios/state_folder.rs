//! The folder of the journals: full, not there, and with a journal that cannot be read in whole.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Workspace, containers_of, wait};

/// A file system of 64 KiB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "a small file system is needed; run as root");
        Self(at)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        while file.write_all(&[7; 512]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn journal_of(workspace: &Workspace) -> PathBuf {
    let listing = std::fs::read_dir(workspace.state()).unwrap().map(|entry| entry.unwrap().path());
    listing.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "journal")).unwrap()
}

fn run_of(journal: &Path) -> String {
    journal.file_stem().unwrap().to_string_lossy().into_owned()
}

const DOCKER: &str = r#"
  source "docker" "d" {
    image   = "BUSYBOX"
    pull    = false
    discard = true
  }
  build {
    sources = ["docker.d"]
    provisioner "shell" { inline = ["echo started", "sleep 60"] }
  }
"#;

/// A line does not fit, there is room again, and more lines come: none of them is lost.
#[test]
fn a_disk_that_is_full_for_a_while_does_not_spoil_the_journal() {
    let archive = |name: &str, output: &str| {
        format!(
            r#"
              source "file" "{name}" {{
                content = "x"
                target  = "{name}.txt"
              }}
              build {{
                sources = ["file.{name}"]
                post-processors {{
                  post-processor "shell-local" {{ inline = ["while [ ! -e go-{name} ]; do sleep 0.1; done"] }}
                  post-processor "compress" {{ output = "{output}" }}
                }}
              }}
            "#
        )
    };
    // Longer than what is left of the journal's page, which it has already.
    let long = [vec!["d".repeat(200); 18].join("/"), "x.tar.gz".to_owned()].join("/");
    let workspace = Workspace::new(&[DOCKER, &archive("long", &long), &archive("short", "short.tar.gz")].concat());
    let disk = SmallDisk::mount(workspace.state());
    let mut running = workspace.start(&[]);
    running.wait_for("==> docker.d: started");
    for name in ["long", "short"] {
        wait("the file", || workspace.path().join(format!("{name}.txt")).exists());
    }
    let journal = journal_of(&workspace);
    let run = run_of(&journal);
    disk.fill();
    workspace.file("go-long", "");
    running.wait_for(&format!("could not write the journal {}: No space left on device", journal.display()));
    disk.make_room();
    workspace.file("go-short", "");
    wait("the archive", || workspace.path().join("short.tar.gz").exists());
    running.signal("KILL");
    running.end();
    assert!(!containers_of(&run).is_empty(), "a kill leaves the container");
    workspace.run(&["sweep"]).succeeded().says("removed   docker container");
    assert_eq!(containers_of(&run), "");
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn what_cannot_be_journalled_is_not_created() {
    let template =
        "source \"file\" \"f\" {\ncontent = \"x\"\ntarget = \"made.txt\"\n}\nbuild { sources = [\"file.f\"] }";
    let workspace = Workspace::new(template);
    let disk = SmallDisk::mount(workspace.state());
    disk.fill();
    workspace.fail(&[]).says("could not write the journal ").says(".journal: No space left on device");
    assert!(!workspace.path().join("made.txt").exists());
    assert_eq!(workspace.journals(), 1, "the filler and nothing else");
    disk.make_room();
    workspace.build(&[]);
    drop(disk);

    let workspace = Workspace::new(template);
    let file = workspace.file("file", "");
    let workspace = workspace.env("FORGE_STATE_DIR", file.to_str().unwrap());
    let ran = workspace.fail(&[]);
    ran.says(&format!("could not create the journal {}/", file.display())).says("exists");
    assert!(!workspace.path().join("made.txt").exists());
}

#[test]
fn a_line_that_is_not_understood_keeps_nothing_else_from_being_released() {
    let workspace = Workspace::new(DOCKER);
    let mut running = workspace.start(&[]);
    running.wait_for("==> docker.d: started");
    running.signal("KILL");
    running.end();
    let journal = journal_of(&workspace);
    let run = run_of(&journal);
    let text = std::fs::read_to_string(&journal).unwrap();
    let (begin, rest) = text.split_once('\n').unwrap();
    std::fs::write(&journal, format!("{begin}\n{{\"op\":\"intend\",\"entry\":7,\"reso\n{rest}")).unwrap();
    for released in ["removed   docker container", "FAILED"] {
        let ran = workspace.run(&["sweep"]);
        assert_eq!(ran.code, Some(6), "{ran:#?}");
        ran.says(released).says(&format!("the journal {} is not understood in whole", journal.display()));
        ran.says("line 2 is torn");
        assert_eq!(containers_of(&run), "");
    }
    std::fs::remove_file(&journal).unwrap();
    workspace.run(&["sweep"]).succeeded().says("Nothing to sweep");
}
