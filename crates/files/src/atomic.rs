//! Files that are replaced as a whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// Writes a file so that its path names the old contents until the new ones are complete and on the disk.
///
/// `fill` writes to a temporary file in the same folder, called `.name.….part`. That is synchronised, takes the place of
/// `path` by a rename, and the folder is synchronised. Whatever goes wrong before the rename, an error of `fill`, a full
/// disk or a panic, leaves the old file as it was and removes the temporary one; only a process that is killed can leave
/// the latter behind. The new file has the permissions of the one it replaces, or those of any new file. A symbolic link
/// is followed, so that its target is replaced.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use std::io::Write;
/// let path = folder.path().join("notes.txt");
/// files::atomic::write(&path, |file| writeln!(file, "whole or not at all"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "whole or not at all\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `fill` fails, if the file cannot be written, or if the path is a folder, a device or a read-only file.
pub fn write<R>(path: impl AsRef<Path>, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<R>) -> Result<R, Error> {
    let target = Target::of(path.as_ref())?;
    let temporary = target.temporary()?;
    let result = filled(&temporary, fill).map_err(target.failed("write"))?;
    temporary.as_file().sync_all().map_err(target.failed("write it to the disk"))?;
    temporary.persist(&target.path).map_err(|error| target.failed("put the new file in its place")(error.error))?;
    sync_folder(&target.folder).map_err(target.failed("synchronise its folder"))?;
    Ok(result)
}

/// Tries whether [`write()`] could write a file, before there is anything to write: makes a temporary file beside it and
/// removes that. Whatever is at the path stays as it is.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.html");
/// files::atomic::check(&path)?;
/// assert!(!path.exists());
/// assert!(files::atomic::check(folder.path().join("no/such/run.html")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If no file can be made there, or if the path is a folder, a device or a read-only file.
pub fn check(path: impl AsRef<Path>) -> Result<(), Error> {
    Target::of(path.as_ref())?.temporary().map(drop)
}

fn filled<R>(temporary: &NamedTempFile, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<R>) -> io::Result<R> {
    let mut buffered = BufWriter::with_capacity(1 << 16, temporary.as_file());
    let result = fill(&mut buffered)?;
    buffered.flush()?;
    Ok(result)
}

/// Where the file goes, and what is there now.
struct Target {
    path: PathBuf,
    folder: PathBuf,
    replaced: Option<Metadata>,
}

impl Target {
    fn of(path: &Path) -> Result<Target, Error> {
        let failed = |action, source| Error::Io { file: path.display().to_string(), action, source };
        let (path, replaced) = match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Err(Error::NotAFile { file: path.display().to_string() }),
            Ok(metadata) if metadata.permissions().readonly() => {
                return Err(failed("replace a read-only file", ErrorKind::PermissionDenied.into()));
            }
            Ok(metadata) => (fs::canonicalize(path).map_err(|source| failed("find", source))?, Some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => (path.to_path_buf(), None),
            Err(source) => return Err(failed("look at", source)),
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Ok(Target { path, folder, replaced })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        let file = self.path.display().to_string();
        move |source| Error::Io { file, action, source }
    }

    fn temporary(&self) -> Result<NamedTempFile, Error> {
        self.make().map_err(self.failed("create a temporary file beside it"))
    }

    fn make(&self) -> io::Result<NamedTempFile> {
        let unnamed = || io::Error::new(ErrorKind::InvalidInput, "the path names no file");
        let name = self.path.file_name().ok_or_else(unnamed)?;
        // A name that is long already would grow too long for the file system; the random part makes it unique.
        let prefix: String = name.to_string_lossy().chars().take(40).collect();
        let prefix = format!(".{prefix}.");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        // Without this the file would be its owner's alone; the process's mask applies as to any new file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(&self.folder)?;
        if let Some(replaced) = &self.replaced {
            temporary.as_file().set_permissions(replaced.permissions())?;
        }
        Ok(temporary)
    }
}

/// Makes the rename last. Some file systems know no such thing for folders, and say so.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
