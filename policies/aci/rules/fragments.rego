# Fragments and transparency trust lists. A fragment is asked about twice: before its text is compiled, and with its
# values in data.podseal_fragment.
package framework

import rego.v1

fragment_loaded if input.fragment_loaded

fragment_loaded if not features.two_step_fragments

has_header_svn if {
	features.two_step_fragments
	input.has_header_svn
}

entries_of_issuer := [entry |
	entry := candidate_fragments[_]
	entry.issuer == input.issuer
]

entries_of_feed := [entry |
	entry := entries_of_issuer[_]
	entry.feed == input.feed
]

default load_fragment := {"allowed": false}

load_fragment := {"allowed": true, "add_module": false, "parameters": known_parameters} if {
	not fragment_loaded
	entry := entries_of_feed[_]
	header_fits(entry)
	count(missing_receipts(entry)) == 0
}

header_fits(_) if not has_header_svn

header_fits(entry) if {
	has_header_svn
	svn_fits(input.header_svn, entry.minimum_svn)
}

# Parameters that fragments recorded, then those of the policy's entries, whether or not these are met.
known_parameters := array.concat(
	[recorded.parameters |
		recorded := data.metadata.fragment_parameters[_]
		recorded.issuer == input.issuer
		recorded.feed == input.feed
	],
	[entry.parameters |
		entry := policy_list("fragments")[_]
		entry.issuer == input.issuer
		entry.feed == input.feed
	],
)

missing_receipts(entry) := [wanted |
	features.receipts
	wanted := object.get(entry, "required_receipts", [])[_]
	not receipt_given(wanted)
]

receipt_given(wanted) if {
	wanted == "*"
	count(input.receipts) > 0
}

receipt_given(wanted) if {
	startswith(wanted, "TTL:")
	subject := input.receipts[_].ttl_subjects[_]
	subject == substring(wanted, 4, -1)
}

receipt_given(wanted) if {
	issuer := input.receipts[_].issuer
	issuer == wanted
}

load_fragment := {
	"metadata": array.concat([updated("issuers", input.issuer, issuer_with(entry))], recorded_parameters),
	"add_module": "namespace" in includes,
	"allowed": true,
} if {
	fragment_loaded
	fragment_known
	entry := entries_of_feed[_]
	includes := entry.includes
	fragment_svn_fits(entry)
}

fragment_known if is_current(fragment_version)

fragment_known if is_older(fragment_version)

fragment_svn_fits(entry) if {
	not has_header_svn
	svn_fits(data.podseal_fragment.svn, entry.minimum_svn)
}

fragment_svn_fits(entry) if {
	has_header_svn
	not defines_svn
	svn_fits(input.header_svn, entry.minimum_svn)
}

fragment_svn_fits(entry) if {
	has_header_svn
	number_of(data.podseal_fragment.svn) == number_of(input.header_svn)
	svn_fits(data.podseal_fragment.svn, entry.minimum_svn)
}

defines_svn if data.podseal_fragment.svn != {}

# The newest load of a feed stands first.
issuer_with(entry) := object.union(known_issuer, {"feeds": feeds}) if {
	known_feeds := object.get(known_issuer, "feeds", {})
	loads := array.concat([taken_over(entry)], object.get(known_feeds, input.feed, []))
	feeds := object.union(known_feeds, {input.feed: loads})
}

default known_issuer := {}

known_issuer := data.metadata.issuers[input.issuer]

includable := [word |
	some word in ["containers", "fragments", "external_processes"]
]

newer_includable := [word |
	features.platform_rules
	some word in ["transparency_trust_lists", "platform_rules"]
]

taken_over(entry) := {word: objects |
	word := array.concat(includable, newer_includable)[_]
	word in entry.includes
	objects := fragment_list(word)
}

default fragment_list(_) := []

fragment_list(word) := objects_read(word, data.podseal_fragment[word], fragment_version)

recorded_parameters := [operation |
	features.parameters
	entry := fragment_list("fragments")[_]
	operation := {
		"name": "fragment_parameters",
		"type": "set",
		"action": "add",
		"value": {"issuer": entry.issuer, "feed": entry.feed, "parameters": entry.parameters},
	}
]

# Trust lists.

fitting_trust_lists := [list |
	list := candidate_trust_lists[_]
	list.issuer == input.issuer
	list.subject == input.subject
	svn_fits(input.svn, list.minimum_svn)
]

trusted_ledgers := {ledger | ledger := fitting_trust_lists[_].allowed_ledgers[_]}

allowed_ledgers := [ledger |
	ledger := input.ledgers[_]
	ledger_trusted(ledger)
]

ledger_trusted(_) if "*" in trusted_ledgers

ledger_trusted(ledger) if ledger in trusted_ledgers

default load_transparency_trust_list := {"allowed": false}

load_transparency_trust_list := {"allowed": true, "allowed_ledgers": allowed_ledgers} if {
	count(allowed_ledgers) > 0
}
