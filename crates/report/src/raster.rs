//! Pictures as pixels.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Options, Tree};

/// Pixels of the file for each one of the picture: enough for a screen with small ones, and for print.
const SCALE: f32 = 2.0;

/// An SVG text as a PNG file, or why there is none.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>, String> {
    let fonts = fonts();
    if fonts.is_empty() {
        return Err("found no font on this system, expected one such as DejaVu Sans; `.svg` takes none".to_string());
    }
    let options = Options { fontdb: fonts, ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| (side * SCALE).ceil() as u32);
    let mut pixels =
        Pixmap::new(width, height).ok_or_else(|| format!("{width} × {height} pixels are more than there may be"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

/// The fonts of the system, which are looked for once.
fn fonts() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    let find = || {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        let usual = ["Helvetica", "Arial", "DejaVu Sans", "Liberation Sans", "Noto Sans"].map(Family::Name);
        let known = fonts.query(&Query { families: &usual, ..Query::default() }).and_then(|id| fonts.face(id));
        // Where there is none of them any other will do, as long as there are words at all.
        let any = known.or_else(|| fonts.faces().find(|face| !face.monospaced)).or_else(|| fonts.faces().next());
        if let Some(family) = any.and_then(|face| Some(face.families.first()?.0.clone())) {
            fonts.set_sans_serif_family(family);
        }
        Arc::new(fonts)
    };
    FONTS.get_or_init(find).clone()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_too_large_is_an_error() {
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1000000000" height="400"/>"#;
        let error = super::png(svg).expect_err("an error");
        assert_eq!(error, "2000000000 × 800 pixels are more than there may be");
    }
}
