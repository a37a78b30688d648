//! Elements of an SVG, with places in pixels to a tenth.

use std::fmt::Write;

use crate::Color;

/// The elements of a picture so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Svg(pub(crate) String);

/// Which end of a text is at its place.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A length in pixels as short as it can be written: to a tenth, and without a zero that says nothing.
pub(crate) fn px(x: f64) -> String {
    let tenths = (x * 10.0).round();
    if tenths % 10.0 == 0.0 { format!("{}", tenths / 10.0 + 0.0) } else { format!("{:.1}", tenths / 10.0) }
}

/// Text as it may stand between tags and in attributes; what XML forbids becomes a question mark in a diamond.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Points as `x,y x,y …`.
fn list(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|&(x, y)| format!("{},{}", px(x), px(y))).collect();
    points.join(" ")
}

impl Svg {
    pub(crate) fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn push(&mut self, arguments: std::fmt::Arguments) {
        self.0.write_fmt(arguments).expect("a string takes everything");
        self.0.push('\n');
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
        self.push(format_args!(r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#));
    }

    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], color: Color, width: f64, dashed: bool) {
        let dash = if dashed { r#" stroke-dasharray="6 4""# } else { "" };
        let class = ink(color);
        self.push(format_args!(
            r#"<polyline fill="none"{class} stroke="{color}" stroke-width="{width}" stroke-linejoin="round"{dash} points="{}"/>"#,
            list(points)
        ));
    }

    pub(crate) fn polygon(&mut self, points: &[(f64, f64)], color: Color, opacity: f64) {
        self.push(format_args!(r#"<polygon fill="{color}" fill-opacity="{opacity}" points="{}"/>"#, list(points)));
    }

    pub(crate) fn rect(&mut self, at: (f64, f64), size: (f64, f64), rest: &str) {
        let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(px);
        self.push(format_args!(r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" {rest}/>"#));
    }

    /// Round dots, as strokes of no length with round ends: the shortest way to write many.
    pub(crate) fn dots(&mut self, points: &[(f64, f64)], color: Color, radius: f64) {
        let mut path = String::new();
        for &(x, y) in points {
            let _ = write!(path, "M{} {}h0", px(x), px(y));
        }
        if !path.is_empty() {
            let (class, width) = (ink(color), px(2.0 * radius));
            self.push(format_args!(
                r#"<path{class} stroke="{color}" stroke-width="{width}" stroke-linecap="round" d="{path}"/>"#
            ));
        }
    }

    /// A text whose baseline begins, is centred or ends at a place.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), size: f64, anchor: Anchor, rest: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let (x, y, size, text) = (px(x), px(y), px(size), escape(text));
        self.push(format_args!(r#"<text x="{x}" y="{y}" font-size="{size}"{anchor}{rest}>{text}</text>"#));
    }

    /// A text that is read upwards, centred at a place.
    pub(crate) fn upright(&mut self, (x, y): (f64, f64), size: f64, text: &str) {
        let rest = format!(r#" transform="rotate(-90 {} {})""#, px(x), px(y));
        self.text((x, y), size, Anchor::Middle, &rest, text);
    }
}

/// Black ink is marked, so that a dark page can make it light.
fn ink(color: Color) -> &'static str {
    if color == Color::BLACK { r#" class="ink""# } else { "" }
}
