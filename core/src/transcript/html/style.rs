/// The style sheet of a page.
///
/// What Outlook for Windows shows, by the engine of Word, is what plain blocks and tables show; it takes no notice of `@media` and of
/// selectors by attribute. Colours of formatted text are chosen for a light background, so that such text has one in the dark, too.
/// On paper a message may go over the end of a page: one that is longer would leave the page before it empty.
pub(super) const STYLE: &str = "\
body{font:15px/1.45 'Segoe UI',Arial,sans-serif;color:#222;background:#fff;max-width:54em;margin:0 auto;padding:12px;word-wrap:break-word;overflow-wrap:anywhere}\
h1{font-size:1.4em;margin:0 0 .4em}h2{font-size:1.15em;margin:1.2em 0 .3em}h3,h4{font-size:1em;margin:1.4em 0 .3em}h3{border-bottom:1px solid #999}\
h4{margin:.8em 0 .2em}small{color:#595959;font-size:.85em;font-weight:normal}a{color:#00c}details{margin-top:1em}summary h2{display:inline}\
p,div{margin:0 0 .25em;padding:0 8px;border-left:3px solid #ccc}\
@supports(border-inline-start:0){p,div{border-left:0;border-inline-start:3px solid #ccc}}\
.n,div div{margin:0;padding:0;border:0}\
ul,ol{margin:0 0 .25em;padding:0 0 0 2em}pre{margin:0;white-space:pre-wrap}blockquote{margin:.2em 1em}\
table{border-collapse:collapse;width:100%;margin:.4em 0}td,th{border-bottom:1px solid #ccc;padding:3px 8px 3px 0;text-align:left;vertical-align:top}\
@media screen and (max-width:520px){thead{display:none}table,tbody,tr,td,th{display:block}td,th{border:0;padding:0;width:auto}tr{border-bottom:1px solid #ccc;padding:4px 0}}\
@media screen and (prefers-color-scheme:dark){body{color:#e4e4e4;background:#1c1c1c}small{color:#b4b4b4}a{color:#8ab4f8}h3,p,div,td,th,tr{border-color:#555}\
[style*=color]{color:#111;background:#fff}[style*=color] [style*=color]{color:inherit;background:none}[style*=color] a{color:#00c}li::marker{color:#e4e4e4}[style*=color] li::marker{color:#111}}\
@media print{body{font-size:10pt;max-width:none;padding:0}body,small,a{color:#000}li,tr{break-inside:avoid}h1,h2,h3,h4{break-after:avoid}\
details::details-content{content-visibility:visible}}";
