//! Downloads from a server in this process that answers well or badly.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::Source;

/// What a server sends back, and whether it then keeps silent on an open connection instead of closing it.
#[derive(Clone)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    hang: bool,
}

impl Reply {
    fn raw(head: &str, body: &[u8]) -> Reply {
        Reply { bytes: [head.as_bytes(), b"\r\n\r\n", body].concat(), hang: false }
    }

    pub(super) fn file(body: &[u8]) -> Reply {
        Reply::raw(&format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}", body.len()), body)
    }

    fn hanging(self) -> Reply {
        Reply { hang: true, ..self }
    }
}

/// Serves `replies` by file name, 404 for others, and returns the mirror's URL.
pub(super) fn serve(replies: &[(&str, Reply)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let replies: HashMap<String, Reply> = replies.iter().map(|(name, r)| (format!("/{name}"), r.clone())).collect();
    thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), &replies)));
    url
}

fn answer(mut stream: TcpStream, replies: &HashMap<String, Reply>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    lines.find(|line| line.as_ref().unwrap().is_empty());
    let not_found = Reply::raw("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0", b"");
    let reply = replies.get(request.split(' ').nth(1).unwrap()).unwrap_or(&not_found);
    // A client that has seen enough hangs up, which is its right.
    let _ = stream.write_all(&reply.bytes);
    if reply.hang {
        let _ = stream.read(&mut [0]);
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(bytes, bytes.len() as u64).unwrap()
}

const CONTENTS: &[u8] = b"the contents that the file should have";

/// Fetches one file, `file.gz` with [`CONTENTS`], into `folder`.
fn fetch_file(folder: &Path, mirrors: &[&str], stall: Duration) -> Result<(), Failure> {
    let sha256 = sha256(CONTENTS);
    let sum = Sum::Contents { len: CONTENTS.len() as u64, sha256: &sha256 };
    let file = RemoteFile { name: "file.gz", sum };
    let long = Duration::from_secs(60);
    let remote = Remote { mirrors, files: &[file], proxy: || None, connect: long, stall, overall: long };
    fetch(folder, &remote, &mut |_| ())
}

/// The failure of a download from a server that answers with `reply`, after a check that it left no file behind.
fn failure(reply: Reply, stall: Duration) -> Failure {
    let folder = tempfile::tempdir().unwrap();
    let failure = fetch_file(folder.path(), &[&serve(&[("file.gz", reply)])], stall).unwrap_err();
    assert_eq!(names_in(folder.path()), [""; 0]);
    failure
}

pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

const PATIENT: Duration = Duration::from_secs(60);

#[test]
fn digests_are_sha256() {
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_good_file_arrives_whole_and_is_not_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let nested = folder.path().join("made/on/the/way");
    let body = gzip(CONTENTS);
    fetch_file(&nested, &[&serve(&[("file.gz", Reply::file(&body))])], PATIENT).unwrap();
    assert_eq!(names_in(&nested), ["file.gz"]);
    assert_eq!(fs::read(nested.join("file.gz")).unwrap(), body);
    fetch_file(&nested, &[], PATIENT).expect("an intact file needs no mirror");
    fs::write(nested.join("file.gz"), &body[..body.len() - 1]).unwrap();
    assert!(matches!(fetch_file(&nested, &[], PATIENT).unwrap_err(), Failure::NoMirrors));
}

#[test]
fn the_second_mirror_serves_when_the_first_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, good) = (serve(&[]), serve(&[("file.gz", Reply::file(&gzip(CONTENTS)))]));
    fetch_file(folder.path(), &[&bad, &good], PATIENT).unwrap();
    assert_eq!(names_in(folder.path()), ["file.gz"]);
}

#[test]
fn failures_of_both_mirrors_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (serve(&[]), serve(&[("file.gz", Reply::file(b"no gzip"))]));
    let message = fetch_file(folder.path(), &[&one, &two], PATIENT).unwrap_err().to_string();
    assert!(message.contains(&format!("{one}file.gz: ")) && message.contains("404"), "{message}");
    assert!(message.contains(&format!("{two}file.gz: found damaged gzip data")), "{message}");
}

#[test]
fn other_contents_are_refused() {
    let failure = failure(Reply::file(&gzip(b"the contents that the file should nave")), PATIENT);
    assert!(matches!(&failure, Failure::Contents { .. }), "{failure}");
    assert!(failure.to_string().contains(&sha256(CONTENTS)), "{failure}");
}

#[test]
fn a_file_known_by_its_own_bytes_is_taken_as_it_is_or_refused() {
    let sha256 = sha256(CONTENTS);
    let file = RemoteFile { name: "file", sum: Sum::File { len: CONTENTS.len() as u64, sha256: &sha256 } };
    let fetch = |body: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let mirror = serve(&[("file", Reply::file(body))]);
        let remote = Remote { mirrors: &[&mirror], files: &[file], proxy: || None, ..MNIST };
        let result = fetch(folder.path(), &remote, &mut |_| ());
        result.map(|()| fs::read(folder.path().join("file")).unwrap())
    };
    assert_eq!(fetch(CONTENTS).unwrap(), CONTENTS);
    assert!(matches!(fetch(&CONTENTS[1..]).unwrap_err(), Failure::Contents { .. }));
    let failure = fetch(&[CONTENTS, b"!"].concat()).unwrap_err();
    assert!(failure.to_string().ends_with("found more than the 38 bytes expected at most"), "{failure}");
}

#[test]
fn contents_that_never_end_are_refused() {
    let failure = failure(Reply::file(&gzip(&vec![0; 10 << 20])), PATIENT);
    assert!(matches!(&failure, Failure::Contents { .. }), "{failure}");
}

#[test]
fn damaged_gzip_is_refused_at_every_byte() {
    let body = gzip(CONTENTS);
    for cut in [0, 1, 9, 10, body.len() / 2, body.len() - 8, body.len() - 1] {
        let failure = failure(Reply::file(&body[..cut]), PATIENT);
        assert!(matches!(&failure, Failure::Gzip { .. }), "cut at byte {cut}: {failure}");
    }
}

#[test]
fn a_body_shorter_than_announced_is_refused() {
    let body = gzip(CONTENTS);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}", body.len() + 100);
    let failure = failure(Reply::raw(&head, &body), PATIENT);
    assert!(matches!(&failure, Failure::Body { .. }), "{failure}");
}

#[test]
fn a_missing_file_is_a_failure() {
    let failure = failure(Reply::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0", b""), PATIENT);
    assert!(matches!(&failure, Failure::Request { source, .. } if source.to_string().contains("404")), "{failure}");
}

#[test]
fn what_is_no_http_is_a_failure() {
    let failure = failure(Reply { bytes: b"220 smtp.example ESMTP\r\n".to_vec(), hang: false }, PATIENT);
    assert!(matches!(&failure, Failure::Request { .. }), "{failure}");
}

#[test]
fn hostile_lengths_are_refused() {
    for length in ["18446744073709551615", "16777217"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
        let failure = failure(Reply::raw(&head, b"x").hanging(), PATIENT);
        assert!(matches!(&failure, Failure::TooLong { .. }), "{failure}");
    }
    for length in ["-1", "99999999999999999999999", "many"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
        let failure = failure(Reply::raw(&head, b"x"), PATIENT);
        assert!(matches!(&failure, Failure::Request { .. } | Failure::Body { .. } | Failure::Gzip { .. }), "{failure}");
    }
}

#[test]
fn a_body_without_length_is_cut_off_at_the_cap() {
    let endless = vec![0x55; (MOST_BYTES as usize) + 100_000];
    let failure = failure(Reply::raw("HTTP/1.1 200 OK\r\nConnection: close", &endless), PATIENT);
    assert!(matches!(&failure, Failure::TooLong { .. }), "{failure}");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let body = gzip(CONTENTS);
    let whole = Reply::file(&body).bytes;
    for sent in [0, 20, whole.len() - 5] {
        let failure = failure(Reply { bytes: whole[..sent].to_vec(), hang: true }, Duration::from_millis(100));
        let message = failure.to_string();
        let in_time = message.contains("per read") || message.contains("receive response");
        assert!(message.contains("timeout") && in_time, "after {sent} bytes: {failure}");
    }
}

#[test]
fn a_closed_port_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let failure = fetch_file(folder.path(), &[&url], PATIENT).unwrap_err();
    assert!(failure.to_string().starts_with(&url), "{failure}");
}

#[test]
fn a_folder_that_cannot_be_made_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let failure = fetch_file(&file.join("mnist"), &[], PATIENT).unwrap_err();
    assert!(failure.to_string().contains(&file.display().to_string()), "{failure}");
}

#[test]
fn progress_counts_up_to_the_total() {
    let folder = tempfile::tempdir().unwrap();
    let body = gzip(CONTENTS);
    let (mirror, sha256) = (serve(&[("file.gz", Reply::file(&body))]), sha256(CONTENTS));
    let sum = Sum::Contents { len: CONTENTS.len() as u64, sha256: &sha256 };
    let files = [RemoteFile { name: "file.gz", sum }];
    let remote = Remote { mirrors: &[&mirror], files: &files, ..MNIST };
    let mut last = None;
    let mut report = |progress: Progress| {
        if let Progress::Download { file, received, total } = progress {
            last = Some((file.to_owned(), received, total));
        }
    };
    fetch(folder.path(), &Remote { proxy: || None, ..remote }, &mut report).unwrap();
    let all = body.len() as u64;
    assert_eq!(last, Some(("file.gz".to_owned(), all, Some(all))));
}

#[test]
fn the_real_files_have_the_known_sums() {
    let Some(folder) = std::env::var_os("MNIST_DIR") else {
        eprintln!("skipped: MNIST_DIR names no folder with the real files");
        return;
    };
    let body = |name| fs::read(Path::new(&folder).join(name)).unwrap();
    let replies: Vec<_> = MNIST.files.iter().map(|file| (file.name, Reply::file(&body(file.name)))).collect();
    let cache = tempfile::tempdir().unwrap();
    let remote = Remote { mirrors: &[&serve(&replies)], proxy: || None, ..MNIST };
    fetch(cache.path(), &remote, &mut |_| ()).unwrap();
    assert_eq!(names_in(cache.path()).len(), 4);
}

/// A mirror with a small MNIST on it: two training images and one test image, drawn by the generator.
fn small_mnist() -> Vec<(&'static str, Vec<u8>)> {
    let drawn = crate::digits::generate(3, 0);
    let images = |rows: std::ops::Range<usize>| {
        let head = [0, 0, 8, 3, 0, 0, 0, rows.len() as u8, 0, 0, 0, 28, 0, 0, 0, 28];
        head.into_iter().chain(rows.flat_map(|row| drawn.image(row).to_vec())).collect()
    };
    let labels =
        |rows: std::ops::Range<usize>| [&[0, 0, 8, 1, 0, 0, 0, rows.len() as u8], &drawn.labels()[rows]].concat();
    let contents = [images(0..2), labels(0..2), images(2..3), labels(2..3)];
    MNIST.files.iter().map(|file| file.name).zip(contents).collect()
}

#[test]
fn a_download_fills_the_cache_and_the_cache_replaces_the_download() {
    let contents = small_mnist();
    let replies: Vec<_> = contents.iter().map(|(name, bytes)| (*name, Reply::file(&gzip(bytes)))).collect();
    let mirror = serve(&replies);
    let sums: Vec<_> = contents.iter().map(|(_, bytes)| sha256(bytes)).collect();
    let file = |((name, bytes), sha256): (&(&'static str, Vec<u8>), _)| (*name, bytes.len() as u64, sha256);
    let files: Vec<_> = contents.iter().zip(&sums).map(file).collect();
    let sum = |len, sha256| Sum::Contents { len, sha256 };
    let files: Vec<_> = files.iter().map(|&(name, len, sha256)| RemoteFile { name, sum: sum(len, sha256) }).collect();
    let remote = Remote { mirrors: &[&mirror], files: &files, proxy: || None, ..MNIST };
    let download = |folder: &Path| fetch(folder, &remote, &mut |_| ()).map_err(|failure| failure.to_string());

    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("mnist");
    let located = &crate::mnist::MNIST;
    let ([train, test], source) = located.cached(Some(folder.clone()), download).unwrap();
    assert_eq!(source, Source::Download(folder.clone()));
    assert_eq!((train.len(), test.len()), (2, 1));
    assert_eq!(names_in(&folder).len(), 4);

    let offline = |_: &Path| Err("offline".to_owned());
    assert_eq!(located.cached(Some(folder.clone()), offline).unwrap().1, Source::Cache(folder.clone()));

    fs::write(folder.join(MNIST.files[2].name), b"damaged").unwrap();
    assert_eq!(located.cached(Some(folder.clone()), offline).unwrap_err(), "offline");
    assert_eq!(located.cached(Some(folder.clone()), download).unwrap().1, Source::Download(folder));
}
