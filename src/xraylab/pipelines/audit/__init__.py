"""Audit of any set of radiographs: is it fit to train on?"""
