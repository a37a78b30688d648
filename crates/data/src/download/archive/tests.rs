//! Archives from a server in this process, well-meant and hostile.

use std::path::PathBuf;

use tar::{Builder, EntryType, Header};

use super::super::tests::{Reply, gzip, names_in, serve, sha256};
use super::super::{MNIST, RemoteFile, Sum};
use super::*;
use crate::{Collection, Source};

const RECORD: usize = 3073;

const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// One record of class `class`.
fn record(class: u8) -> Vec<u8> {
    [vec![class], vec![10 * class; RECORD - 1]].concat()
}

/// The six files under the given folder of the archive, among others, class k in the k-th.
fn cifar(folder: &str) -> Vec<(String, EntryType, Vec<u8>)> {
    let files = FILES.iter().zip(0..).map(|(name, k)| (format!("{folder}{name}"), EntryType::Regular, record(k)));
    let readme = (format!("{folder}readme.html"), EntryType::Regular, b"about".to_vec());
    [(folder.to_owned(), EntryType::Directory, vec![]), readme].into_iter().chain(files).collect()
}

/// A tar archive, its names taken as they are, however evil.
fn tar(entries: &[(String, EntryType, Vec<u8>)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, contents) in entries {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, &**contents).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Fetches the archive with these bytes into `folder`, from `mirrors` or from a server made for it.
fn fetch_bytes(folder: &Path, bytes: &[u8], mirrors: Option<&[&str]>) -> Result<(), Failure> {
    let mirror = serve(&[("cifar.tar.gz", Reply::file(bytes))]);
    let own = [&*mirror];
    let sha256 = sha256(bytes);
    let sum = Sum::File { len: bytes.len() as u64, sha256: &sha256 };
    let files = [RemoteFile { name: "cifar.tar.gz", sum }];
    let remote = Remote { mirrors: mirrors.unwrap_or(&own), files: &files, proxy: || None, ..MNIST };
    fetch_archive(folder, &Archive { remote, entries: &FILES, entry_len: RECORD as u64 }, &mut |_| ())
}

/// What goes wrong with an archive, after a check that nothing but wanted files was written, and only into the folder.
fn failure(bytes: &[u8]) -> String {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let failure = fetch_bytes(&folder, bytes, None).unwrap_err();
    assert_eq!(names_in(parent.path()), ["cache"]);
    assert!(names_in(&folder).iter().all(|name| FILES.contains(&&**name)));
    failure.to_string()
}

#[test]
fn the_wanted_files_arrive_and_are_not_fetched_twice() {
    let cache = tempfile::tempdir().unwrap();
    let bytes = gzip(&tar(&cifar("cifar-10-batches-bin/")));
    fetch_bytes(cache.path(), &bytes, None).unwrap();
    assert_eq!(names_in(cache.path()), FILES);
    fetch_bytes(cache.path(), &bytes, Some(&[])).expect("intact files need no mirror");
    std::fs::write(cache.path().join(FILES[3]), b"cut").unwrap();
    assert!(matches!(fetch_bytes(cache.path(), &bytes, Some(&[])).unwrap_err(), Failure::NoMirrors));
}

#[test]
fn a_collection_is_fetched_and_then_found_in_the_cache() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cifar-10");
    let bytes = gzip(&tar(&cifar("")));
    let download = |folder: &Path| fetch_bytes(folder, &bytes, None).map_err(|failure| failure.to_string());
    let located = Collection::Cifar10.located();
    let ([train, test], source) = located.cached(Some(folder.clone()), download).unwrap();
    assert_eq!((train.labels(), test.labels()), (&[0, 1, 2, 3, 4][..], &[5][..]));
    assert_eq!((train.shape(), train.image(3)[0], source), (Some([3, 32, 32]), 30, Source::Download(folder.clone())));
    let offline = |_: &Path| Err("offline".to_owned());
    assert_eq!(located.cached(Some(folder.clone()), offline).unwrap().1, Source::Cache(folder.clone()));
    std::fs::remove_file(folder.join(FILES[0])).unwrap();
    assert_eq!(located.cached(Some(folder), offline).unwrap_err(), "offline");
}

#[test]
fn names_in_an_archive_never_become_paths() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/cache");
    let absolute = format!("{}/", parent.path().display());
    for evil in ["../../", "/tmp/", &absolute, "a/../../../"] {
        fetch_bytes(&folder, &gzip(&tar(&cifar(evil))), None).unwrap();
        assert_eq!(names_in(parent.path()), ["deep"]);
        assert_eq!(names_in(&parent.path().join("deep")), ["cache"]);
        assert_eq!(names_in(&folder), FILES);
        std::fs::remove_dir_all(parent.path().join("deep")).unwrap();
    }
}

#[test]
fn links_and_folders_are_no_files() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo] {
        let mut entries = cifar("");
        entries[4] = (FILES[2].to_owned(), kind, vec![]);
        assert_eq!(failure(&gzip(&tar(&entries))), "cifar.tar.gz: found no data_batch_3.bin in it");
    }
}

#[test]
fn files_of_another_length_are_refused() {
    for (len, found) in [(0, 0), (RECORD - 1, RECORD - 1), (RECORD + 1, RECORD + 1), (9 * RECORD, RECORD + 1)] {
        let mut entries = cifar("");
        entries[2].2 = vec![0; len];
        let expected = format!("cifar.tar.gz: found data_batch_1.bin of {found} bytes, expected 3073");
        assert_eq!(failure(&gzip(&tar(&entries))), expected);
    }
}

#[test]
fn damaged_archives_are_refused_at_every_byte() {
    let (plain, entries) = (tar(&cifar("")), PathBuf::from("cifar.tar.gz"));
    let whole = gzip(&plain);
    let remote = Remote { mirrors: &[], files: &[], ..MNIST };
    let archive = Archive { remote, entries: &FILES, entry_len: RECORD as u64 };
    let unpack = |bytes: &[u8]| unpack(bytes, &entries.display().to_string(), &archive, |_, _| Ok(()));
    unpack(&whole).unwrap();
    for cut in 0..whole.len() {
        if let Err(failure) = unpack(&whole[..cut]) {
            assert!(failure.to_string().starts_with("cifar.tar.gz: "), "{failure}");
        } else {
            // The last file is complete; what is cut off are zeros behind it and the checksum of the whole.
            assert!(cut + 100 > whole.len(), "cut at byte {cut} of {}", whole.len());
        }
    }
    for cut in (0..plain.len() - 2000).step_by(97) {
        unpack(&gzip(&plain[..cut])).unwrap_err();
    }
}
