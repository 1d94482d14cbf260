// Where a word is found counts: first the lessons, then the reference, then the answers and the authors' tools.
var Scorer = {
  score: ([page, title, anchor, descr, score]) =>
    score + (/^\d\d_/.test(page) ? 20 : page.startsWith('reference/') || page === 'index' ? 10 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: {0: 15, 1: 5, 2: -5}, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
}
