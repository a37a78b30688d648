use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::Error;

/// Writes a file as a whole or not at all: beside it first, and then in its place.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |action| move |source| Error::Io { file: path.display().to_string(), action, source };
    // A link is followed, so that its target is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if target.is_dir() {
        return Err(failed("write")(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
    }
    let folder = target.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".picture.").suffix(".part");
    // Without this the file would be its owner's alone; the process's mask applies as to any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed("create a temporary file beside it"))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed("write"))?;
    file.persist(&target).map_err(|error| failed("put the new file in its place")(error.error))?;
    Ok(())
}
