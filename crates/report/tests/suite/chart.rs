//! Charts of ordinary and of awkward values.

use proptest::prelude::*;
use report::{Axis, Chart, Color, Error, Histogram, Picture};

fn plain() -> Chart {
    Chart::new("Run", Axis::linear("step"), Axis::linear("cost, nats"))
}

/// The points of all lines in a picture.
fn points(svg: &str) -> Vec<(f64, f64)> {
    let lists = svg.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let pair = |pair: &str| pair.split_once(',').map(|(x, y)| (number(x), number(y))).expect("a pair");
    lists.flat_map(|list| list.split(' ').map(pair).collect::<Vec<_>>()).collect()
}

/// Fails if the tags do not match each other: browsers show nothing of such a file.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn names_units_title_and_legend_are_there() {
    let chart = plain().line("training", [(0.0, 1.0), (1.0, 0.5)]).dots("test", [(0.0, 1.2)]);
    let svg = chart.picture().svg();
    for text in [">Run<", ">step<", ">cost, nats<", ">training<", ">test<"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_well_formed(&svg);
    assert_eq!(svg, chart.picture().svg(), "the same calls, the same bytes");
}

#[test]
fn markup_and_foreign_letters_are_text() {
    let name = "a<b> & \"c\" ∇ü汉\u{1}";
    let chart = Chart::new(name, Axis::linear(name), Axis::linear(name)).line(name, [(0.0, 1.0), (1.0, 2.0)]);
    let svg = chart.words("", [(0.5, 1.5, name)]).picture().svg();
    assert_well_formed(&svg);
    assert_eq!(svg.matches("a&lt;b&gt; &amp; &quot;c&quot; ∇ü汉\u{fffd}").count(), 5);
}

#[test]
fn a_line_has_a_gap_where_a_value_is_missing() {
    let values = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, f64::INFINITY), (5.0, 2.0), (6.0, 3.0)];
    let svg = plain().line("", values).picture().svg();
    assert_eq!(svg.matches("<polyline").count(), 2, "two pieces, and a dot between the gaps");
    assert_eq!(points(&svg).len(), 4);
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn a_logarithmic_axis_leaves_out_what_is_not_positive() {
    let chart = Chart::new("", Axis::linear("step"), Axis::log("cost"));
    let svg = chart.line("", [(0.0, 100.0), (1.0, 0.0), (2.0, -1.0), (3.0, 1.0), (4.0, 0.01)]).picture().svg();
    assert_eq!(points(&svg).len(), 2);
    for label in [">100<", ">10<", ">1<", ">0.1<", ">0.01<"] {
        assert!(svg.contains(label), "{label}");
    }
}

#[test]
fn nothing_and_little_can_be_drawn() {
    let empty = plain().picture().svg();
    assert_well_formed(&empty);
    assert!(empty.contains(">0.5<"), "axes from 0 to 1");
    for x in [0.0, 5.0, -1e300, 1e-300, f64::MAX, f64::NAN] {
        for chart in [plain(), Chart::new("", Axis::log("x"), Axis::log("y"))] {
            let svg = chart.line("one", [(x, x)]).dots("", [(x, x)]).band("", [(x, x, x)]).bars("", [(x, x, x)]);
            let svg = svg.line("none", []).picture().svg();
            assert_well_formed(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{x}");
        }
    }
    let one = plain().line("", [(3.0, 4.0)]).picture().svg();
    assert!(one.contains("h0"), "one point is a dot");
}

#[test]
fn a_million_points_are_thinned_and_their_peaks_kept() {
    let value = |i: i32| match i {
        123_456 => 100.0,
        654_321 => -100.0,
        i => f64::from(i % 7),
    };
    let svg = plain().line("", (0..1_000_000).map(|i| (f64::from(i), value(i)))).picture().svg();
    let points = points(&svg);
    assert!(points.len() < 3500 && svg.len() < 60_000, "{} points, {} bytes", points.len(), svg.len());
    let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p.1), high.max(p.1)));
    // 200 of the 220 values of the axis, margins included.
    let height = (high - low) * 220.0 / 200.0;
    let alone = plain().line("", [(0.0, 100.0), (1.0, -100.0)]).picture().svg();
    let whole: Vec<f64> = self::points(&alone).iter().map(|point| point.1).collect();
    assert!((height - (whole[1] - whole[0]) * 1.1).abs() < 1.0, "both peaks are there");
    let dots = plain().dots("", (0..1_000_000).map(|i| (f64::from(i % 1000), f64::from(i / 1000 % 3)))).picture();
    assert!(dots.svg().len() < 60_000);
}

#[test]
fn bars_stand_on_zero() {
    let axis = Axis::linear("digit").ticks([(0.5, "zero"), (1.5, "one")]);
    let chart = Chart::new("", axis, Axis::linear("count")).bars("", [(0.0, 1.0, 4.0), (1.0, 2.0, -2.0)]);
    let svg = chart.picture().svg();
    assert!(svg.contains(">zero<") && svg.contains(">one<") && svg.contains(">−2<") && svg.contains(">0<"));
    let attribute = |bar: &str, name: &str| -> f64 {
        bar.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    let bars: Vec<(f64, f64)> =
        svg.split("<rect x=").skip(1).map(|bar| (attribute(bar, "y"), attribute(bar, "height"))).collect();
    assert!((bars[0].0 + bars[0].1 - bars[1].0).abs() < 0.2, "where one ends the other begins: {bars:?}");
    assert!((bars[0].1 - 2.0 * bars[1].1).abs() < 0.3);
}

#[test]
fn a_course_has_three_bands_and_a_median() {
    let at = |step: f64| (step, Histogram::new((0..100).map(|i| step * f64::from(i)), 50).percentiles());
    let none = (3.0, Histogram::new([], 1).percentiles());
    let svg = plain().spread("median", [at(1.0), at(2.0), none, at(4.0), at(5.0)]).picture().svg();
    assert_eq!(svg.matches("<polygon").count(), 6, "before and after the step without values");
    assert_eq!(
        (svg.matches("<polyline").count(), svg.matches(">median<").count()),
        (3, 1),
        "two pieces and the legend"
    );
}

#[test]
fn colours_and_dashes_belong_to_the_series_added_last() {
    let svg = plain().line("", [(0.0, 0.0), (1.0, 1.0)]).color(Color(1, 2, 3)).dashed().picture().svg();
    assert!(svg.contains("#010203") && svg.contains("stroke-dasharray"));
}

#[test]
#[should_panic(expected = "the axis `cost` cannot end at 0")]
fn a_logarithmic_axis_cannot_begin_at_zero() {
    let _ = Axis::log("cost").from(0.0);
}

#[test]
fn pictures_stand_beside_and_above_each_other() {
    let chart = plain().size(400.0, 300.0).picture();
    let row = Picture::row([chart.clone(), chart.clone()]);
    assert_eq!((row.size(), Picture::column([row.clone(), chart]).size()), ((800.0, 300.0), (800.0, 600.0)));
    assert_well_formed(&row.titled("Two of them").svg());
}

#[test]
fn files_are_whole_or_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.svg");
    plain().save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), plain().picture().svg());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
    let error = plain().save(folder.path().join("a.gif")).unwrap_err();
    assert!(matches!(error, Error::Format { .. }));
    let known = if cfg!(feature = "png") { "`.svg` and `.png`" } else { "`.svg`; `.png` takes the feature `png`" };
    assert!(error.to_string().ends_with(&format!("a.gif: no picture format has this ending, expected one of {known}")));
    let error = plain().save(folder.path().join("no/such/a.svg")).unwrap_err();
    assert!(error.to_string().contains("a.svg: cannot create a temporary file beside it"), "{error}");
    std::fs::create_dir(folder.path().join("b.svg")).unwrap();
    let error = plain().save(folder.path().join("b.svg")).unwrap_err().to_string();
    assert!(error.ends_with("b.svg: found something other than a regular file, expected a regular file"), "{error}");
}

proptest! {
    #[test]
    fn any_values_make_a_well_formed_picture(
        points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..40),
        log in any::<[bool; 2]>(),
        text in ".{0,40}",
    ) {
        let axis = |log: bool| if log { Axis::log(text.as_str()) } else { Axis::linear(text.as_str()) };
        let chart = Chart::new(text.as_str(), axis(log[0]), axis(log[1]));
        let chart = chart.line(text.as_str(), points.clone()).dots("", points.clone());
        let bands = points.iter().map(|&(x, y)| (x, y, -y));
        let svg = chart.band("", bands.clone()).bars("", bands).picture().svg();
        assert_well_formed(&svg);
        prop_assert!(!svg.contains("\"NaN") && !svg.contains("\"inf") && !svg.contains("\"-inf"));
    }
}
