// The theme's buttons and lists lie in the main part of a page, and so do folded solutions: a search result quotes neither.
const quote = Search.htmlToText
Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, 'text/html')
  const skip = '.bd-header-article, .bd-sidebar-secondary, #jb-print-docs-body, .prev-next-footer, .bd-footer-content, .badges, details.answer'
  page.querySelectorAll(skip).forEach(e => e.remove())
  return quote(page.documentElement.outerHTML, anchor)
}
