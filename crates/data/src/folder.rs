//! Folders of pictures, a subfolder for each class.

mod decode;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tensor::Tensor;

use crate::dataset::{BoxError, Dataset};
use crate::transform::{Draw, Image, Resize, Transforms};
use crate::{Error, Images};
use decode::Picture;

/// Pictures in a folder with one subfolder for each class, read from their files as they are asked for.
///
/// The classes are the subfolders in the alphabetical order of their names, the samples the files there that end in `.png`,
/// `.jpg` or `.jpeg`, class by class and in the order of their names; what is in deeper folders is not looked at. JPEG takes
/// the feature `jpeg`. A sample is an image of shape `[3, height, width]`, or `[1, height, width]`
/// where it is [gray](ImageFolder::gray), with values from 0 to 1, and the number of its class. Transparency is left out.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # for class in ["cats", "dogs"] {
/// #     std::fs::create_dir(folder.path().join(class))?;
/// #     let file = std::fs::File::create(folder.path().join(class).join("1.png"))?;
/// #     png::Encoder::new(file, 3, 2).write_header()?.write_image_data(&[7; 6])?;
/// # }
/// use data::{Dataset, ImageFolder};
/// let pets = ImageFolder::open(folder.path())?.resize(32, 32);
/// assert_eq!(pets.classes(), ["cats", "dogs"]);
/// for batch in pets.loader(64).workers(2).shuffle(1, 0) {
///     let (images, labels) = batch?;
///     assert_eq!(images.shape()[1..], [3, 32, 32]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Pictures of different sizes do not fit into one batch, unless they are [resized](ImageFolder::resize). A picture may
/// have 2²⁵ pixels, and reading it takes up to 40 bytes for each of them; what is larger, damaged or of another format is
/// an error that names the file. Cloning counts references.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    files: Arc<[(PathBuf, i64)]>,
    classes: Arc<[String]>,
    channels: usize,
    size: Option<[usize; 2]>,
}

impl ImageFolder {
    /// Lists the pictures in the subfolders of `root`; none is opened yet.
    ///
    /// # Errors
    /// If a folder cannot be read, or there are no pictures.
    pub fn open(root: impl AsRef<Path>) -> Result<ImageFolder, Error> {
        let root = root.as_ref();
        let (mut files, mut classes) = (Vec::new(), Vec::new());
        for folder in listed(root)?.into_iter().filter(|path| path.is_dir()) {
            let class = classes.len() as i64;
            files.extend(listed(&folder)?.into_iter().filter(|path| is_picture(path)).map(|path| (path, class)));
            classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        match files.is_empty() {
            true => Err(Error::NoPictures { folder: root.display().to_string() }),
            false => Ok(ImageFolder { files: files.into(), classes: classes.into(), channels: 3, size: None }),
        }
    }

    /// Has images of one channel: 0.299 red + 0.587 green + 0.114 blue.
    pub fn gray(self) -> ImageFolder {
        ImageFolder { channels: 1, ..self }
    }

    /// Has all images in one size, each [resized](Resize) to it.
    pub fn resize(self, height: usize, width: usize) -> ImageFolder {
        ImageFolder { size: Some([height, width]), ..self }
    }

    /// What the classes are called.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of each picture.
    pub fn labels(&self) -> Vec<i64> {
        self.files.iter().map(|&(_, label)| label).collect()
    }

    /// The files of the pictures.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// All pictures in memory, as bytes.
    ///
    /// # Errors
    /// If a picture cannot be read, has another size than the first, or there are more than 256 classes.
    pub fn load(&self) -> Result<Images, Error> {
        let (mut bytes, mut labels, mut first) = (Vec::new(), Vec::new(), None);
        let mut image = Image::new([0; 3]);
        for (path, label) in self.files.iter() {
            self.read(path, &mut image)?;
            let (found, expected) = (image.shape(), *first.get_or_insert(image.shape()));
            if found != expected {
                return Err(Error::PictureSize { file: path.display().to_string(), found, expected });
            }
            // Adding a half rounds what the conversion cuts off.
            bytes.extend(image.pixels().iter().map(|pixel| (pixel * 255.0 + 0.5) as u8));
            labels.push(u8::try_from(*label).map_err(|_| Error::Classes { found: self.classes.len() })?);
        }
        let shape = first.unwrap_or_default();
        Ok(Images::new(bytes, shape.iter().product(), labels)?.with_shape(shape))
    }

    /// The picture in a file, as an image with values from 0 to 1.
    fn read(&self, path: &Path, image: &mut Image) -> Result<(), Error> {
        let picture = Picture::open(path)?;
        let shape = [self.channels, picture.height, picture.width];
        image.load(shape, |pixels| picture.planes(self.channels, pixels));
        if let Some([height, width]) = self.size.filter(|size| *size != shape[1..]) {
            Transforms::new().add(Resize::to(height, width)).apply_to(image, Draw::new(0, 0, 0));
        }
        Ok(())
    }
}

impl Dataset for ImageFolder {
    type Sample = (Tensor<f32>, i64);

    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<(Tensor<f32>, i64), BoxError> {
        let (path, label) = &self.files[index];
        let mut image = Image::new([0; 3]);
        self.read(path, &mut image)?;
        Ok((Tensor::build(image.shape(), |out| out.copy_from_slice(image.pixels())), *label))
    }
}

/// What is in a folder, in the order of the names.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let failed = |source| Error::Io { file: folder.display().to_string(), source };
    let mut paths: Vec<PathBuf> = entries.map_err(failed)?;
    paths.sort_unstable();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    ["png", "jpg", "jpeg"].iter().any(|known| ending == *known) && path.is_file()
}
