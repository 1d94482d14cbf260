// Where a word is found counts: first the lessons, then what one looks up, then the reference, the answers, the authors' tools.
// A section of a lesson whose heading is what was asked for comes before a page that has the words somewhere.
var Scorer = {
  score: ([page, title, anchor, descr, score]) =>
    score + (/^\d\d_/.test(page) ? (anchor ? 35 : 20) : /^(reference\/(exercises|questions)|glossary)$/.test(page) ? 12 :
      /^reference\/support|^support/.test(page) ? -10 : page.startsWith('reference/') || page === 'index' ? 10 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0,
  title: 30, partialTitle: 14, term: 5, partialTerm: 2,
}
