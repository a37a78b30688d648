//! Where the collections are, and what their files are known by.

use std::time::Duration;

use super::archive::Archive;
use super::{Remote, RemoteFile, Sum};

pub(crate) const MNIST: Remote = Remote {
    mirrors: &["http://storage.googleapis.com/cvdf-datasets/mnist/", "http://ossci-datasets.s3.amazonaws.com/mnist/"],
    // By their contents, since the mirrors have compressed them differently.
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            sum: Sum::Contents {
                len: 47_040_016,
                sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            },
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            sum: Sum::Contents {
                len: 60_008,
                sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            },
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            sum: Sum::Contents {
                len: 7_840_016,
                sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            },
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            sum: Sum::Contents {
                len: 10_008,
                sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        },
    ],
    proxy: ureq::Proxy::try_from_env,
    connect: Duration::from_secs(2),
    stall: Duration::from_secs(10),
    overall: Duration::from_secs(600),
};

/// The sums are those that TensorFlow Datasets checks, like the ones below.
pub(crate) const FASHION_MNIST: Remote = Remote {
    mirrors: &[
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "http://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ],
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            sum: Sum::File {
                len: 26_421_880,
                sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            },
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            sum: Sum::File { len: 29_515, sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845" },
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            sum: Sum::File {
                len: 4_422_102,
                sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            },
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            sum: Sum::File { len: 5_148, sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5" },
        },
    ],
    ..MNIST
};

pub(crate) const KMNIST: Remote = Remote {
    mirrors: &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    files: &[
        RemoteFile {
            name: "train-images-idx3-ubyte.gz",
            sum: Sum::File {
                len: 18_165_135,
                sha256: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            },
        },
        RemoteFile {
            name: "train-labels-idx1-ubyte.gz",
            sum: Sum::File { len: 29_497, sha256: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17" },
        },
        RemoteFile {
            name: "t10k-images-idx3-ubyte.gz",
            sum: Sum::File {
                len: 3_041_136,
                sha256: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            },
        },
        RemoteFile {
            name: "t10k-labels-idx1-ubyte.gz",
            sum: Sum::File { len: 5_120, sha256: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c" },
        },
    ],
    ..MNIST
};

pub(crate) const CIFAR_10: Archive = Archive {
    remote: Remote {
        mirrors: &[
            "http://www.cs.toronto.edu/~kriz/",
            "http://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ],
        files: &[RemoteFile {
            name: "cifar-10-binary.tar.gz",
            sum: Sum::File {
                len: 170_052_171,
                sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            },
        }],
        overall: Duration::from_secs(3600),
        ..MNIST
    },
    entries: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ],
    // 10,000 records.
    entry_len: 30_730_000,
};
