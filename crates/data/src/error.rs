use std::io;

use crate::BoxError;

/// What can be wrong with a data file, a folder of them, data given by hand, or a sample.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open or read the file.
    #[error("{file}: cannot be read: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{file}: found something other than a regular file, expected an IDX file, plain or gzip")]
    NotAFile {
        /// The path.
        file: String,
    },
    /// The first bytes are neither those of an IDX file nor those of gzip.
    #[error("{file}: found first bytes {found:02x?}, expected an IDX header ([00, 00, 08, dimension count]) or gzip")]
    Magic {
        /// The file.
        file: String,
        /// Its first bytes, decompressed where it is gzip; fewer than four where it ends earlier.
        found: Vec<u8>,
    },
    /// An IDX file of another element type than unsigned bytes.
    #[error("{file}: found element type {code:#04x} ({name}), expected 0x08 (unsigned byte)")]
    ElementType {
        /// The file.
        file: String,
        /// The type code in the header.
        code: u8,
        /// What the code stands for.
        name: &'static str,
    },
    /// An IDX header that counts no dimensions.
    #[error("{file}: found a dimension count of 0, expected 1 to 255")]
    NoDimensions {
        /// The file.
        file: String,
    },
    /// The file ends inside its header.
    #[error("{file}: found {found} of the {expected} bytes that its {} dimensions take", .expected / 4)]
    Header {
        /// The file.
        file: String,
        /// Bytes of dimensions present.
        found: usize,
        /// Bytes of dimensions announced.
        expected: usize,
    },
    /// The product of the dimensions does not fit the address space, or not the memory.
    #[error("{file}: found dimensions {dims:?}, expected a product that memory can hold")]
    TooLarge {
        /// The file.
        file: String,
        /// The dimensions in the header.
        dims: Vec<usize>,
    },
    /// Dimensions and data disagree.
    #[error("{file}: found {found} bytes of data, expected {expected} from its dimensions {dims:?}")]
    Length {
        /// The file.
        file: String,
        /// The dimensions in the header.
        dims: Vec<usize>,
        /// Bytes present after the header.
        found: u64,
        /// The product of the dimensions.
        expected: u64,
    },
    /// A gzip file too small for the dimensions it contains.
    #[error(
        "{file}: found {stored} bytes of gzip, expected more: dimensions {dims:?} promise {expected} bytes of data"
    )]
    Implausible {
        /// The file.
        file: String,
        /// The dimensions in the header.
        dims: Vec<usize>,
        /// The size of the compressed file in bytes.
        stored: u64,
        /// The product of the dimensions.
        expected: u64,
    },
    /// More data follows than the dimensions promise.
    #[error("{file}: found more data after byte {expected}, expected it to end there by its dimensions {dims:?}")]
    Trailing {
        /// The file.
        file: String,
        /// The dimensions in the header.
        dims: Vec<usize>,
        /// The product of the dimensions.
        expected: u64,
    },
    /// Truncated or corrupt gzip data, a failed checksum included.
    #[error("{file}: found damaged gzip data after {offset} decompressed bytes ({source}), expected an intact file")]
    Gzip {
        /// The file.
        file: String,
        /// How many bytes decompressed before the damage showed.
        offset: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// A folder without one of the four MNIST files.
    #[error("{folder}: found no {base}-idx{rank}-ubyte or {base}.idx{rank}-ubyte, expected one of them, plain or .gz")]
    Missing {
        /// The folder.
        folder: String,
        /// The stem of the file, such as `train-images`.
        base: &'static str,
        /// How many dimensions the file has.
        rank: usize,
    },
    /// A sound IDX file of another shape, such as images where labels belong.
    #[error("{file}: found dimensions {found:?}, expected {expected}")]
    Dimensions {
        /// The file.
        file: String,
        /// The dimensions in the header.
        found: Vec<usize>,
        /// The shape that belongs there.
        expected: &'static str,
    },
    /// Images and labels that do not belong together.
    #[error("{labels_file}: found {labels} labels, expected {images}, one for each image in {images_file}")]
    Counts {
        /// The file of labels.
        labels_file: String,
        /// How many labels it has.
        labels: usize,
        /// The file of images.
        images_file: String,
        /// How many images it has.
        images: usize,
    },
    /// A label outside the classes.
    #[error("{file}: found label {label} in row {row}, expected 0 to {}", .classes - 1)]
    Label {
        /// The file.
        file: String,
        /// The row, counted from 0.
        row: usize,
        /// The label there.
        label: u8,
        /// The number of classes.
        classes: u8,
    },
    /// Rows given by hand that do not come out even.
    #[error("dataset: found {bytes} bytes of images, expected {labels} rows of {row_len} bytes, one for each label")]
    Rows {
        /// The length of the images in bytes.
        bytes: usize,
        /// The length of one row in bytes.
        row_len: usize,
        /// The number of labels.
        labels: usize,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{file}: found something other than a regular file, expected {expected}")]
    Irregular {
        /// The path.
        file: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A column that a CSV file does not have.
    #[error("{file}: found no column {column} among its {width}, named {names:?}")]
    Column {
        /// The file.
        file: String,
        /// The column that was asked for.
        column: String,
        /// How many columns there are.
        width: usize,
        /// Their names, the first of them where there are many, or none where there is no header.
        names: Vec<String>,
    },
    /// A row of a CSV file that is longer or shorter than the first.
    #[error("{file}: line {line}: found {found} cells, expected {expected} as in the first row")]
    Cells {
        /// The file.
        file: String,
        /// The line in which the row begins, counted from 1.
        line: u64,
        /// How many cells the row has.
        found: usize,
        /// How many the first row has.
        expected: usize,
    },
    /// A cell of a CSV file that is not what it should be.
    #[error("{file}: line {line}, column {column}{name}: found {found:?}, expected {expected}")]
    Cell {
        /// The file.
        file: String,
        /// The line in which the row begins, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The column's name in brackets, where there is a header.
        name: String,
        /// The beginning of the cell.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A folder without pictures in subfolders.
    #[error("{folder}: found no subfolder with a .png, .jpg or .jpeg file, expected one for each class")]
    NoPictures {
        /// The folder.
        folder: String,
    },
    /// A picture that is damaged, too large, or of an unknown format.
    #[error("{file}: cannot be read as a picture: {source}")]
    Picture {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: BoxError,
    },
    /// Pictures of different sizes where they must be of one.
    #[error("{file}: found a picture of {found:?}, expected {expected:?} (channels, height, width) as in the first")]
    PictureSize {
        /// The file.
        file: String,
        /// Channels, height and width of the picture.
        found: [usize; 3],
        /// Those of the first picture.
        expected: [usize; 3],
    },
    /// More classes than fit into a byte.
    #[error("images: found {found} classes, expected at most 256")]
    Classes {
        /// How many there are.
        found: usize,
    },
    /// A file of CIFAR-10 whose size is not that of whole records.
    #[error("{file}: found {found} bytes, expected a multiple of {size}, the size of a record")]
    Records {
        /// The file.
        file: String,
        /// Its size in bytes.
        found: usize,
        /// The size of a record in bytes.
        size: usize,
    },
    /// A collection whose files are neither in the cache nor to be had.
    #[error("{name}: no files found: {reason}")]
    Unavailable {
        /// What the collection is called.
        name: &'static str,
        /// Why there are none.
        reason: String,
    },
    /// Features and targets of different numbers of samples.
    #[error("tensors: found features {features} and targets {targets}, expected first axes of one size")]
    Shapes {
        /// The shape of the features.
        features: String,
        /// The shape of the targets.
        targets: String,
    },
    /// A sample that could not be had, or does not fit to those that share its batch.
    #[error("sample {index}: {source}")]
    Sample {
        /// The index of the sample in its data set.
        index: usize,
        /// What is wrong with it.
        source: BoxError,
    },
    /// A sample whose making panicked.
    #[error("sample {index}: panicked: {message}")]
    Panic {
        /// The index of the sample in its data set; the first of its batch, where the whole batch was made at once.
        index: usize,
        /// What the panic said.
        message: String,
    },
    /// The operating system refused to start a thread.
    #[error("loader: found no room for another thread ({source}), expected to start {expected}")]
    Threads {
        /// How many threads were asked for.
        expected: usize,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// The same error about a sample under its index in another data set: `from` and `to` are the same samples.
    pub(crate) fn renamed(mut self, from: &[usize], to: &[usize]) -> Error {
        if let Error::Sample { index, .. } | Error::Panic { index, .. } = &mut self
            && let Some(at) = from.iter().position(|other| other == index)
        {
            *index = to[at];
        }
        self
    }
}
