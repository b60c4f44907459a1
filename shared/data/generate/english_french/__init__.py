"""The two-language grammar behind `sentence_pairs`: one meaning is written out in English and in French.

From the ground up: `surface` (sounds, spelling, agreement), `lexicon` and `verbs` (words), `phrases` (noun phrases),
`clauses` (subject and predicate), `frames` and `compound` (whole sentences).
"""
