"""mPLUG, the judge that DPG-Bench, DSG and TIFA are published with, in plain torch.

The network of Li et al., "mPLUG: Effective and Efficient Vision-Language Learning by Cross-modal
Skip-connections" (EMNLP 2022), as ModelScope serves it for visual question answering.
"""
