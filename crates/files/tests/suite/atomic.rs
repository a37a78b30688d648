//! Whatever goes wrong while a file is written, the old one stays whole, and nothing is left beside it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use files::{AnyTensor, Error, atomic, npy, npz, safetensors};
use tensor::Tensor;

/// What is in a folder: names and contents.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> =
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap_or_default())).collect();
    files.sort();
    files
}

#[test]
fn a_file_is_made_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert_eq!(atomic::write(&path, |file| file.write_all(b"one").map(|()| 1)).unwrap(), 1);
    assert_eq!(atomic::write(&path, |file| file.write_all(b"the second").map(|()| 2)).unwrap(), 2);
    assert_eq!(contents(folder.path()), [("file".to_string(), b"the second".to_vec())]);
}

#[test]
fn an_error_in_the_middle_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let error = atomic::write(&path, |file| {
        file.write_all(&[1; 1 << 20])?;
        Err::<(), _>(io::Error::other("the source dried up"))
    });
    let expected = format!("{}: cannot write: the source dried up", path.display());
    assert_eq!(error.unwrap_err().to_string(), expected);
    assert_eq!(contents(folder.path()), [("file".to_string(), b"old".to_vec())]);
}

#[test]
fn a_panic_in_the_middle_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    let write = || atomic::write(&path, |file| file.write_all(&[1; 1 << 20]).map(|()| panic!("a bug")));
    std::panic::catch_unwind(write).unwrap_err();
    assert_eq!(contents(folder.path()), [("file".to_string(), b"old".to_vec())]);
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let error = atomic::write(folder.path(), |file| file.write_all(b"new")).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    let error = atomic::write("", |file| file.write_all(b"new")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let error = atomic::write(folder.path().join("no/file"), |file| file.write_all(b"new")).unwrap_err();
    assert!(error.to_string().contains("no/file: cannot create a temporary file beside it: "), "{error}");
    #[cfg(unix)]
    for device in ["/dev/null", "/dev/full"].into_iter().filter(|path| Path::new(path).exists()) {
        let error = atomic::write(device, |file| file.write_all(b"new")).unwrap_err();
        assert!(matches!(error, Error::NotAFile { .. }), "{error}");
        assert!(!Path::new(device).is_file());
    }
}

#[test]
fn a_check_changes_nothing_and_fails_as_writing_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    atomic::check(&path).unwrap();
    assert!(contents(folder.path()).is_empty());
    fs::write(&path, "old").unwrap();
    atomic::check(&path).unwrap();
    assert_eq!(contents(folder.path()), [("file".to_string(), b"old".to_vec())]);
    for path in [folder.path().to_path_buf(), "".into(), folder.path().join("no/file"), path.join("below")] {
        let written = atomic::write(&path, |file| file.write_all(b"new")).unwrap_err().to_string();
        let checked = atomic::check(&path).unwrap_err().to_string();
        // The temporary file has another name each time.
        let reason = |text: &str| text.split(" at path ").next().map(str::to_string);
        assert_eq!(reason(&checked), reason(&written));
    }
    assert_eq!(contents(folder.path()), [("file".to_string(), b"old".to_vec())]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn permissions_are_those_of_any_new_file_or_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, path) = (folder.path().join("plain"), folder.path().join("file"));
        fs::write(&plain, "").unwrap();
        atomic::write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        atomic::write(&path, |file| file.write_all(b"newer")).unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"newer".to_vec()));
    }

    #[test]
    fn a_read_only_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = atomic::write(&path, |file| file.write_all(b"new")).unwrap_err();
        assert!(error.to_string().contains("cannot replace a read-only file: "), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        symlink("target", &link).unwrap();
        atomic::write(&link, |file| file.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    /// Tells a test that runs itself again that it is its child, and in which folder it works.
    const FOLDER: &str = "WENGERT_FILES_TEST_FOLDER";

    /// Runs this test again in a shell, by a script that calls it as `"$@"`.
    fn again(test: &str, folder: &Path, script: &str) {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg(program).args([test, "--exact", "--nocapture"]);
        let output = command.env(FOLDER, folder).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        if std::env::var_os(FOLDER).is_some() {
            return atomic::write("bare", |file| file.write_all(b"new")).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        again("atomic::unix::a_bare_name_is_in_the_current_folder", folder.path(), "\"$@\"");
        assert_eq!(contents(folder.path()), [("bare".to_string(), b"new".to_vec())]);
    }

    #[test]
    fn the_temporary_name_of_a_long_one_is_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let long = "ä".repeat(120);
        atomic::write(folder.path().join(&long), |file| file.write_all(b"new")).unwrap();
        assert_eq!(contents(folder.path()), [(long, b"new".to_vec())]);
    }

    /// The writers of all formats, with 1 MiB of data, where only 64 KiB can be written.
    fn nothing_can_be_written(folder: &Path) {
        for name in ["file.safetensors", "file.npy", "file.npz"] {
            fs::write(folder.join(name), format!("old {name}")).unwrap();
        }
        let before = contents(folder);
        // Noise, which does not become smaller.
        let x = Tensor::<f32>::uniform([1 << 18], 0.0, 1.0, &mut tensor::rng(0, 0));
        let mut tensors = safetensors::Contents::new();
        tensors.insert("x", &x);
        let any = || AnyTensor::from(&x);
        let results = [
            ("safetensors", safetensors::write(folder.join("file.safetensors"), &tensors)),
            ("npy", npy::write(folder.join("file.npy"), &x)),
            ("npz", npz::write(folder.join("file.npz"), [("x", any())])),
            ("compressed", npz::write_compressed(folder.join("file.npz"), [("x", any())])),
        ];
        for (format, result) in results {
            let error = result.expect_err(format);
            assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
        }
        assert_eq!(contents(folder), before);
    }

    #[test]
    fn no_file_may_grow_so_large() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return nothing_can_be_written(Path::new(&folder));
        }
        let folder = tempfile::tempdir().unwrap();
        again("atomic::unix::no_file_may_grow_so_large", folder.path(), "trap '' XFSZ; ulimit -f 64 && \"$@\"");
        assert_eq!(contents(folder.path()).len(), 3);
    }

    /// A file system of 128 KiB, in a name space of its own; where that is not permitted the test says so.
    #[test]
    fn the_disk_is_full() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return nothing_can_be_written(Path::new(&folder));
        }
        let folder = tempfile::tempdir().unwrap();
        let unshared = "unshare --user --map-root-user --mount sh -c";
        let mount = "mount -t tmpfs -o size=128k tmpfs .";
        let possible = format!("cd '{}' && {unshared} '{mount}'", folder.path().display());
        if !Command::new("sh").arg("-c").arg(possible).output().is_ok_and(|output| output.status.success()) {
            return eprintln!("skipped: no file system can be mounted here");
        }
        let script = format!("{unshared} '{mount} && \"$@\"' sh \"$@\"");
        again("atomic::unix::the_disk_is_full", folder.path(), &script);
        assert_eq!(contents(folder.path()), []);
    }
}
