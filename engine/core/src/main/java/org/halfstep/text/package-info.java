/**
 * Tokenizers: from text to the integers that a text encoder takes. CLIP's byte pairs and BERT's
 * word pieces, exactly as the models were trained with, and the files in which their vocabularies
 * come.
 */
package org.halfstep.text;
