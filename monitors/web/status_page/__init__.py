"""The status page: which systems work now, since when, and whether they achieve what they must. For a meeting.

ledger, configuration --facts--> Facts --view--> Page --render--> HTML in Dutch or English
                                                      `-> JSON, the same facts (docs/status.schema.json)
"""
